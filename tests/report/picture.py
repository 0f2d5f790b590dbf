#!/usr/bin/env python3
"""The upper part of a run's report.html as headless Chromium draws it, as a small PNG for the README.

    .venv/bin/python tests/report/picture.py runs/fashion/report.html weights/vit_fashion_mnist.report.png
"""

import argparse
import pathlib
import sys
import tempfile

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "oracle"))
from browser import CHROMIUM, chromium  # noqa: E402

WIDTH, HEIGHT, COLOURS = 1500, 1010, 256


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    asked = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("no chromium (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        shot = pathlib.Path(folder) / "shot.png"
        done = chromium(f"--screenshot={shot}", f"--window-size={WIDTH},{HEIGHT}", "--virtual-time-budget=2000",
                        "--force-prefers-color-scheme=light", "--force-device-scale-factor=1", asked.page.resolve().as_uri())
        if not shot.exists():
            sys.exit(done.stderr)
        whole = Image.open(shot).convert("RGB")
        whole.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(asked.picture, optimize=True)
    print(f"{asked.picture}: {WIDTH} x {HEIGHT}, {asked.picture.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
