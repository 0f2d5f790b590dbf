#!/usr/bin/env python3
"""Times vit-infer on a CUDA device beside timm, eager and compiled: milliseconds an image, and their ratio.

    .venv/bin/python tests/bench/cuda.py [--architecture vit_base_patch16_224] [--precision fp32 bf16 fp16]
                                         [--batch 1 32 256] [--compile] > table.md

Both sides get float32 images in plain memory and give float32 logits there: the copies to and from the device count. A
program's figure is its least time over its passes (random weights, the programs one after the other). Neither uses TF32 for products.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 2.0  # of passes for each figure


def timms(model, images, dtype):
    """Least milliseconds for an image."""
    import torch

    def run():
        with torch.inference_mode():
            return model(images.to("cuda", dtype)).float().cpu()

    for _ in range(3):
        run()
    least, stop = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < stop:
        begin = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - begin)
    return 1e3 * least / len(images)


def ours(program, model, precision, batch):
    command = [program, "-m", model, "--benchmark", "--device", "cuda", "--precision", precision, "--batch-size", str(batch),
               "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["ms_per_image_min"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16", "fp16"], choices=["fp32", "bf16", "fp16"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--compile", action="store_true", help="torch.compile as a peer too")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/vit-infer")
    arguments = parser.parse_args()

    import timm
    import torch
    from safetensors.torch import save_file

    torch.backends.cudnn.allow_tf32 = False
    size = timm.get_pretrained_cfg(arguments.architecture).input_size
    peers = ["eager", "compile"] if arguments.compile else ["eager"]
    print(f"{arguments.architecture} on {torch.cuda.get_device_name()}, LibTorch {torch.__version__}; milliseconds an image, "
          "and the peers' time over vit-infer's\n")
    print("| precision | batch | vit-infer | " + " | ".join(peers) + " |")
    print("|---" * (3 + len(peers)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        model = timm.create_model(arguments.architecture).eval()
        file = pathlib.Path(folder) / "model.safetensors"
        save_file(model.state_dict(), file)
        subprocess.run([arguments.program.with_name("vit-convert"), file, pathlib.Path(folder) / "vit.safetensors", "--arch",
                        arguments.architecture, "-q"], check=True)
        for precision in arguments.precision:
            dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
            on_device = model.to("cuda", dtype)
            for batch in arguments.batch:
                images = torch.randn(batch, *size)
                times = [timms(on_device, images, dtype)]
                if arguments.compile:
                    torch._dynamo.reset()  # else it makes one for any batch size
                    times.append(timms(torch.compile(on_device), images, dtype))
                least = ours(arguments.program, pathlib.Path(folder) / "vit.safetensors", precision, batch)
                print(f"| {precision} | {batch} | {least:.3f} | " + " | ".join(f"{value / least:.2f}" for value in times) + " |",
                      flush=True)


if __name__ == "__main__":
    sys.exit(main())
