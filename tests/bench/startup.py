#!/usr/bin/env python3
"""One image from a cold process: vit-infer against Python with timm, wall time and memory, in one run.

    .venv/bin/python tests/bench/startup.py --vit build/release/bin [--rounds 5]

Both read the same safetensors file and the same image, and print the five most probable classes. Prints each one's least
wall time and largest resident set, and the ratios; then the largest resident set of vit-infer with ViT-B/16 in each
precision, and how it compares with a bound made of the file's size.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEER = """
import functools, json, sys
import timm, torch
from PIL import Image
from safetensors.torch import load_file
architecture, arguments, weights, image, mode = sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:]
state = {k.replace("block.", "blocks.", 1): v.float() for k, v in load_file(weights).items()}
if "patch_embed.norm.weight" in state:  # The seed's form.
    arguments["embed_norm_layer"] = functools.partial(torch.nn.LayerNorm, eps=1e-6)
model = timm.create_model(architecture, **arguments).eval()
model.load_state_dict(state)
transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model)) if mode == "RGB" else None
if transform is None:
    from torchvision import transforms
    transform = transforms.Compose([transforms.Resize(28), transforms.ToTensor(), transforms.Normalize(.5, .5)])
with torch.inference_mode():
    print(model(transform(Image.open(image).convert(mode))[None]).softmax(-1).topk(5))
"""

PREPARE = """
import sys, timm
from PIL import Image
from safetensors.torch import save_file
save_file(timm.create_model(sys.argv[3]).state_dict(), sys.argv[1])
Image.effect_mandelbrot((640, 480), (-2, -1.2, 0.8, 1.2), 100).convert("RGB").save(sys.argv[2])
"""


def measure(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]}: {process.stderr.read().decode()}")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def compare(name, ours, peer, rounds):
    found = {"vit-infer": [], "timm": []}
    for _ in range(rounds):
        found["vit-infer"].append(measure(ours))
        found["timm"].append(measure(peer))
    least = {who: (min(t for t, _ in all), max(m for _, m in all)) for who, all in found.items()}
    for who, (seconds, mib) in least.items():
        print(f"{name:<16} {who:<10} {seconds:7.3f} s {mib:8.0f} MiB")
    (t, m), (pt, pm) = least["vit-infer"], least["timm"]
    print(f"{name:<16} timm / ours {pt / t:.1f} of the time, {pm / m:.1f} of the memory")


def compare_memory(vit, folder, image):
    """The largest resident set against the bounds: one copy of the weights, or Strassen's sums (7/4), or triples (3/2)."""
    weights, full, small = (folder / name for name in ("base.safetensors", "fp32.safetensors", "int8.safetensors"))
    subprocess.run([sys.executable, "-c", PREPARE, weights, image, "vit_base_patch16_224"], check=True)
    for model, extra in ((full, []), (small, ["--dtype", "int8"])):
        subprocess.run([vit / "vit-convert", weights, model, "--arch", "vit_base_patch16_224", "-q", *extra], check=True)
    for model, precision, extra, factor in ((full, "fp32", [], 1.8), (full, "fp32", ["--low-memory"], 1.05),
                                            (full, "fp32x3", [], 1.05), (full, "bf16", [], 1.05), (small, "int8", [], 1.05)):
        _, mib = measure([vit / "vit-infer", "-m", model, image, "--precision", precision, *extra])
        size = model.stat().st_size / 2**20
        bound = factor * size + 64
        print(f"ViT-B/16, {' '.join([precision, *extra]):<18} {mib:6.0f} MiB, file {size:4.0f} MiB; {mib / bound:.2f} of the bound "
              f"{factor} x file + 64 MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vit", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    vit = options.vit.resolve()
    with tempfile.TemporaryDirectory() as folder:
        tiny, model, image = (pathlib.Path(folder) / name for name in ("tiny.safetensors", "model.safetensors", "p.jpg"))
        # In a process of its own: a child's largest resident set counts what its parent had when it was started.
        subprocess.run([sys.executable, "-c", PREPARE, tiny, image, "vit_tiny_patch16_224"], check=True)
        subprocess.run([vit / "vit-convert", tiny, model, "--arch", "vit_tiny_patch16_224", "-q"], check=True)
        compare("ViT-Ti/16", [vit / "vit-infer", "-m", model, image],
                [sys.executable, "-c", PEER, "vit_tiny_patch16_224", "{}", tiny, image, "RGB"], options.rounds)
        compare_memory(vit, pathlib.Path(folder), image)

    weights = ROOT / "weights/vit_fashion_mnist.safetensors"
    data = weights.read_bytes()
    header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    config = json.loads(header["__metadata__"]["vit.config"])["model"]
    arguments = {"in_chans": config["in_c"], **{key: config[key] for key in (
        "img_size", "patch_size", "num_classes", "embed_dim", "depth", "num_heads", "mlp_ratio",
        "class_token", "global_pool")}}
    example = sorted((ROOT / "weights/examples").glob("*.png"))[0]
    compare("Fashion-MNIST", [vit / "vit-infer", "-m", weights, example],
            [sys.executable, "-c", PEER, "vit_tiny_patch16_224", json.dumps(arguments), weights, example, "L"],
            options.rounds)


if __name__ == "__main__":
    main()
