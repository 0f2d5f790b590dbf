#!/usr/bin/env python3
"""What each precision costs in accuracy: the committed model on Fashion-MNIST's 10,000 test images.

    .venv/bin/python tests/bench/precisions.py [--vit build/release/bin]

For each precision, int8 with and without calibration (on 512 training images): top-1, what it loses against float32 in
points, how many images keep float32's class, and the difference of an image's logits over the largest logit: of 999 in
1,000 images it is below the first number, the second is the largest.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "weights/vit_fashion_mnist.safetensors"
DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
CALIBRATION_IMAGES = 512


def idx(name, offset):
    return np.frombuffer(gzip.decompress((DATA / name).read_bytes()), np.uint8, offset=offset)


def images(part, count=None):
    """[N, 1, 28, 28], the first `count`, as the model file's preprocessing makes them."""
    data = MODEL.read_bytes()
    header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    how = json.loads(header["__metadata__"]["vit.config"])["preprocessing"]
    pixels = idx(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:count].astype(np.float32) / 255
    return (pixels - np.float32(how["mean"][0])) / np.float32(how["std"][0])


def measure(vit, folder, every=1):
    """Rows (name, top-1, loss in points, agreement, the error of 999 in 1,000 images, the largest), float32 first.

    Precisions narrower than float32 take every `every`-th test image and are compared with float32 on those.
    """
    vit, folder = pathlib.Path(vit), pathlib.Path(folder)
    test = images("t10k")
    np.save(folder / "test.npy", test)
    np.save(folder / "every.npy", test[::every])
    np.save(folder / "some.npy", images("train", CALIBRATION_IMAGES))
    labels = idx("t10k-labels-idx1-ubyte.gz", 8)

    def run(*command):
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)

    def logits(model, precision, inputs):
        out = folder / "out.npy"
        run(vit / "vit-infer", "-m", model, folder / inputs, "--format", "npy", "-o", out, "--force", "-q",
            "--device", "cpu", "--batch-size", 50, "--precision", precision)
        return np.load(out)

    models = {name: (MODEL, name) for name in ("fp32", "fp32x3", "bf16")}
    for name, extra in (("int8", []), ("int8, calibrated", ["--calibrate", folder / "some.npy"])):
        path = folder / (name.replace(", ", "-") + ".safetensors")
        run(vit / "vit-convert", MODEL, path, "--dtype", "int8", "-q", *extra)
        models[name] = (path, "auto")
    rows, whole = [], logits(MODEL, "fp32", "test.npy")
    for name, (model, precision) in models.items():
        step = 1 if name == "fp32" else every
        found = whole if name == "fp32" else logits(model, precision, "every.npy")
        exact, truth = whole[::step], labels[::step]
        right = 100 * np.mean(found.argmax(1) == truth)
        errors = np.abs(found - exact).max(1) / np.abs(exact).max()
        rows.append((name, right, 100 * np.mean(exact.argmax(1) == truth) - right,
                     100 * np.mean(found.argmax(1) == exact.argmax(1)),
                     np.quantile(errors, 0.999), errors.max()))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vit", type=pathlib.Path, default=ROOT / "build/release/bin")
    with tempfile.TemporaryDirectory() as folder:
        print("precision            top-1    loss  agreement   error  largest")
        for name, right, loss, agreement, error, largest in measure(parser.parse_args().vit, folder):
            print(f"{name:<18} {right:6.2f} % {loss:6.2f} {agreement:8.2f} %  {error:.1e}  {largest:.1e}")


if __name__ == "__main__":
    main()
