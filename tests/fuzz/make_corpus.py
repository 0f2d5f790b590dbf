"""The fuzzers' first inputs: real files (tests/golden/io) and what is taken out of them.

Run with `.venv/bin/python tests/fuzz/make_corpus.py [FOLDER]`; FOLDER is tests/fuzz/corpus by
default. What a fuzzer found beside these is kept under names that start with `found-`.
"""

import pathlib
import pickle
import sys
import zipfile

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "io"
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus"

FILES = {
    "safetensors": ["types.safetensors", "empty.safetensors", "float8.safetensors"],
    "torch": ["strided.pt", "strided_legacy.pth", "parameters.pt", "checkpoint_legacy.pth"],
    "zip": ["parameters.pt", "stored.npz", "deflated.npz"],
    "npz": ["stored.npz", "deflated.npz"],
    "npy": ["c.npy", "big_fortran.npy", "scalar.npy", "records.npy", "objects.npy", "bf16.npy"],
    "idx": ["images-idx3-ubyte", "images-idx3-ubyte.gz", "labels-idx1-ubyte"],
    "image": ["rgb.jpg", "progressive.jpg", "rgb.png", "palette.png", "lossy.webp",
              "lossless.webp", "extended.webp", "animated.webp", "rgb.bmp", "packed.tif"],
}
SHARDS = ["ustar.tar", "gnu.tar", "pax.tar"]
PICKLES = ["types.pt", "strided.pt", "parameters.pt", "checkpoint.pt", "protocol4.pt", "float8.pt",
           "module.pt"]
JSON = {
    "config": '{"architecture": "vit_tiny_patch16_224", "model": {"img_size": [224, 192],'
              ' "mlp_ratio": 4.0, "qk_scale": null, "qkv_bias": true}, "labels": ["t\\u00e9", "\u540d"]}',
    "numbers": "[0, -1, 1.5e-7, 18446744073709551615, -9223372036854775808, 1e308]",
    "nested": "[[[[{\"a\": [{}]}]]]]",
}


def write(target, name, contents):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(contents)


def main():
    for target, files in FILES.items():
        for file in files:
            write(target, file, (GOLDEN / file).read_bytes())
    for file in SHARDS:
        write("tar", file, (GOLDEN.parent / "shards" / file).read_bytes())
    for file in PICKLES:
        with zipfile.ZipFile(GOLDEN / file) as archive:
            name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            write("pickle", pathlib.Path(file).stem, archive.read(name))
    for protocol in (2, 3, 4, 5):
        value = {"a": [1, 2.5, None, True, 300, 70000, -1, 2**40, "text"], "b": ("x", {1, 2})}
        write("pickle", f"plain{protocol}", pickle.dumps(value, protocol=protocol))
    for name, text in JSON.items():
        write("json", name, text.encode())


if __name__ == "__main__":
    main()
