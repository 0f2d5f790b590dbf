#!/usr/bin/env python3
"""What each precision's logits miss: the largest difference from timm in float64 over the largest logit, on random
weights and images, beside ONNX Runtime's dynamic int8 of the same weights.

    cmake --preset release && cmake --build --preset release
    .venv/bin/python tests/bench/errors.py [--processor avx2]

PyPI: onnx, onnxruntime. --processor: as of peers.py.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

import peers


def largest_error(found, expected):
    return numpy.abs(found - expected).max() / numpy.abs(expected).max()


def prepare(folder, architecture, count):
    """timm's model in `folder`, as a state dict and as ONNX; images, and their logits in float64."""
    import safetensors.torch
    import timm
    import torch

    torch.manual_seed(0)
    timm.layers.set_fused_attn(False)
    model = timm.create_model(architecture).eval()
    size = timm.get_pretrained_cfg(architecture).input_size
    (folder / "timm").mkdir()
    safetensors.torch.save_file(model.state_dict(), str(folder / "timm" / "model.safetensors"))
    (folder / "timm" / "config.json").write_text(json.dumps({"architecture": architecture, "num_classes": 1000}))
    peers.export_model(model, size, folder / "model.onnx")
    images = torch.randn(count, *size)
    numpy.save(folder / "x.npy", images.numpy())
    with torch.no_grad():
        return model(images).numpy(), model.double()(images.double()).numpy()


def ort_logits(folder):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(peers.quantize_for_ort(folder / "model.onnx")),
                                           providers=["CPUExecutionProvider"])
    # One by one: activations are quantised for all images of a pass together.
    return numpy.concatenate([session.run(None, {"x": x[None]})[0] for x in numpy.load(folder / "x.npy")])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--precision", nargs="+", default=["fp32", "fp32x3", "bf16", "int8"])
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--bin", type=pathlib.Path, default="build/release/bin", help="with the commands")
    parser.add_argument("--worker-program", default="build/bench/bin/vit_engine_worker",
                        help="beside it stands what --processor needs")
    parser.add_argument("--processor", choices=peers.PROCESSORS)
    parser.add_argument("--ort", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ort:
        folder = pathlib.Path(arguments.ort)
        numpy.save(folder / "ort.npy", ort_logits(folder))
        return
    environment = {**os.environ, **peers.older_processor(arguments)}
    with tempfile.TemporaryDirectory() as memory:
        folder = pathlib.Path(memory)
        in_float32, expected = prepare(folder, arguments.architecture, arguments.images)
        print(f"| {arguments.architecture}, {arguments.images} images on {peers.machine(arguments)} | largest error |\n|---|---|")
        print(f"| timm, fp32 | {largest_error(in_float32, expected):.1e} |")
        model = folder / "model.safetensors"
        subprocess.run([arguments.bin / "vit-convert", folder / "timm", model], check=True, stderr=subprocess.DEVNULL)
        for precision in arguments.precision:
            found = folder / f"{precision}.npy"
            done = subprocess.run([arguments.bin / "vit-infer", "-m", model, folder / "x.npy", "--precision", precision, "--format", "npy",
                                   "-o", found], env=environment, stderr=subprocess.PIPE, text=True)
            error = f"{largest_error(numpy.load(found), expected):.1e}" if done.returncode == 0 else "not on this processor"
            print(f"| {precision} | {error} |", flush=True)
        subprocess.run([sys.executable, __file__, "--ort", folder], env=environment, check=True, stdout=subprocess.DEVNULL)
        print(f"| ONNX Runtime, dynamic int8 | {largest_error(numpy.load(folder / 'ort.npy'), expected):.1e} |")


if __name__ == "__main__":
    main()
