#!/usr/bin/env python3
"""Training images a second: our loader beside PyTorch's DataLoader with timm's transform, interleaved in one run.

    .venv/bin/python tests/bench/loader.py --worker-program build/bench/bin/vit_loader_worker [--workers 2] [--rounds 5]

Both decode JPEGs of 500 x 400, cut RandomResizedCrop's part of them, resize it to 224 (bicubic), apply
rand-m7-mstd0.5-inc1 and normalise, with the same number of workers (threads here, processes there). Prints the least
time of each and the ratio. (With magnitude 9 timm 1.0.31 asks Pillow 13 for a posterisation to 0 bits, which it refuses.)
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import timm.data
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

IMAGES = 512


def write_images(folder):
    """Smooth shapes with fine noise, as photographs have: about 60 kB a file."""
    random = np.random.default_rng(0)
    for i in range(IMAGES):
        path = folder / f"class-{i % 4}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shapes = Image.fromarray(random.integers(0, 256, (8, 10, 3), np.uint8)).resize((500, 400), Image.BICUBIC)
        pixels = np.asarray(shapes, np.int16) + random.integers(-12, 13, (400, 500, 1))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def peer(folder, workers):
    transform = timm.data.create_transform(224, is_training=True, auto_augment="rand-m7-mstd0.5-inc1",
                                           interpolation="bicubic", color_jitter=None)
    loader = torch.utils.data.DataLoader(ImageFolder(folder, transform), batch_size=32, shuffle=True,
                                         num_workers=workers, persistent_workers=True, drop_last=True)

    def forever():
        while True:
            yield from loader

    batches = forever()
    next(batches)

    def take(images):
        begin = time.perf_counter()
        for _ in range(images // 32):
            next(batches)
        return 1e3 * (time.perf_counter() - begin) / images

    return take


def ours(program, folder, workers):
    process = subprocess.Popen([program, folder, str(workers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()

    def take(images):
        process.stdin.write(f"{images}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    take(32)
    return take


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker-program", required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_images(pathlib.Path(name))
        takers = {"vit": ours(arguments.worker_program, name, arguments.workers), "torch": peer(name, arguments.workers)}
        found = {key: [] for key in takers}
        for _ in range(arguments.rounds):
            for key, take in takers.items():
                take(192)  # what was made ahead
                found[key].append(take(512))
                time.sleep(1)  # until enough is made ahead again, beside nothing that is timed
    least = {key: min(times) for key, times in found.items()}
    print(f"{arguments.workers} workers: vit {1e3 / least['vit']:.0f} images/s, "
          f"DataLoader {1e3 / least['torch']:.0f} images/s, ratio {least['torch'] / least['vit']:.2f}")


if __name__ == "__main__":
    main()
