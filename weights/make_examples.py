"""Writes weights/examples: the first test image of each Fashion-MNIST class, as PNG.

    .venv/bin/python weights/make_examples.py [FOLDER of the IDX files]
"""

import gzip
import pathlib
import sys

import numpy as np
from PIL import Image

LABELS = ["t-shirt", "trouser", "pullover", "dress", "coat",
          "sandal", "shirt", "sneaker", "bag", "ankle-boot"]


def main():
    data = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist")
    out = pathlib.Path(__file__).parent / "examples"
    out.mkdir(exist_ok=True)
    with gzip.open(data / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(data / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    for index, name in enumerate(LABELS):
        Image.fromarray(images[np.flatnonzero(labels == index)[0]]).save(out / f"{name}.png")


main()
