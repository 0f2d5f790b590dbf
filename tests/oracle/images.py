"""Images to try: Debian's opencv-doc photographs where they are installed, and files that Pillow writes."""

import pathlib
import re

import numpy as np
from PIL import Image

OPENCV_DOC = pathlib.Path("/usr/share/doc/opencv-doc/examples/data")
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


def photograph(height, width, seed=0):
    """Smooth shapes with some noise: neither flat nor white noise."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    rng = np.random.default_rng(seed)
    planes = [127 + 90 * np.sin(x / (5 + 3 * c) + seed) * np.cos(y / (9 + c)) + rng.normal(0, 12, (height, width))
              for c in range(3)]
    return Image.fromarray(np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8), "RGB")


def grey16(height, width):
    ramp = np.arange(height * width, dtype=np.uint32).reshape(height, width) * 7 % 65536
    return Image.fromarray(ramp.astype(np.uint16))


def write_modes(folder):
    """A file of every mode that Pillow writes, format by format, and of odd sizes; returns their paths."""
    folder = pathlib.Path(folder)
    rgb = photograph(181, 233)
    alpha = Image.fromarray((np.arange(181 * 233).reshape(181, 233) % 256).astype(np.uint8), "L")
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    modes = {"1": rgb.convert("1"), "L": rgb.convert("L"), "P": rgb.quantize(64), "RGB": rgb, "RGBA": rgba,
             "LA": rgba.convert("LA"), "CMYK": rgb.convert("CMYK"), "YCbCr": rgb.convert("YCbCr"),
             "I16": grey16(181, 233)}
    takes = {"png": ["1", "L", "LA", "P", "RGB", "RGBA", "I16"], "bmp": ["1", "L", "P", "RGB", "RGBA"],
             "jpg": ["L", "RGB", "CMYK", "YCbCr"], "webp": ["RGB", "RGBA"],
             "tif": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I16"]}
    paths = []

    def save(image, name, **options):
        image.save(folder / name, **options)
        paths.append(folder / name)

    for suffix, names in takes.items():
        for name in names:
            save(modes[name], f"mode_{name}.{suffix}")
    for quality, subsampling in ((30, 2), (75, 1), (95, 0)):
        save(rgb, f"quality{quality}.jpg", quality=quality, subsampling=subsampling)
    save(rgb, "progressive.jpg", progressive=True)
    save(rgb, "lossless.webp", lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(rgb, "orientation6.jpg", exif=exif)
    for compression in ("tiff_lzw", "tiff_deflate", "packbits"):
        save(rgb, f"{compression}.tif", compression=compression)
    for height, width in ((1, 1), (1, 500), (500, 1), (3, 5), (37, 900), (900, 37), (224, 224), (248, 248), (249, 250),
                          (500, 130), (131, 1000)):
        save(photograph(height, width, seed=height), f"size{height}x{width}.png")
    save(rgb, "moving.webp", save_all=True, append_images=[photograph(181, 233, 5)], duration=100)
    return paths


def installed_photographs():
    """Of the photographs of one chessboard, left02 to right14, none: left01 and right01 stand for them."""
    paths = sorted(OPENCV_DOC.glob("*")) if OPENCV_DOC.is_dir() else []
    return [p for p in paths if p.suffix.lower() in SUFFIXES and not re.fullmatch(r"(left|right)(0[2-9]|1\d)", p.stem)]


def all_images(folder):
    paths = write_modes(folder) + installed_photographs()
    for seed in range(max(0, 60 - len(paths))):
        photograph(100 + 37 * seed % 300, 120 + 53 * seed % 400, seed).save(pathlib.Path(folder) / f"photo{seed}.png")
        paths.append(pathlib.Path(folder) / f"photo{seed}.png")
    return paths
