"""Files of every format that src/io reads, written by the libraries that own the formats.

Run with `.venv/bin/python tests/golden/make_io.py`. `io/expected.json` holds, for each file, what
the same library reads back from it: name, type, shape and the row-major bytes in hex.
"""

import argparse
import gzip
import json
import pathlib
import struct
from collections import Counter, OrderedDict

import numpy as np
import safetensors.torch
import torch
from PIL import Image

OUT = pathlib.Path(__file__).parent / "io"
NAMES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16",
    torch.int32: "I32", torch.int64: "I64", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.float32: "F32", torch.float64: "F64",
}
expected = {}


def describe(name, tensor):
    tensor = tensor.detach().contiguous().clone()
    return {"name": name, "dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
            "data": bytes(tensor.untyped_storage()).hex()}


def expect(file, tensors):
    expected[file] = [describe(name, tensor) for name, tensor in tensors.items()]


def every_type():
    g = torch.Generator().manual_seed(1)
    values = torch.randn(2, 3, generator=g, dtype=torch.float64) * 50
    tensors = OrderedDict((f"t.{name}", values.to(dtype)) for dtype, name in NAMES.items())
    tensors["t.BOOL"] = values > 0
    tensors["scalar"] = torch.tensor(1.5)
    tensors["empty"] = torch.zeros(0, 4)
    tensors["名前.weight"] = torch.arange(5, dtype=torch.float32)
    return tensors


def strided():
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    return OrderedDict(
        base=base, transposed=base.permute(2, 0, 1), sliced=base[1:, ::2, 3], row=base[2, 1],
        expanded=torch.arange(7).expand(1, 7), repeated=torch.tensor([2.5]).expand(6),
        one=base[1:2, 1:2, 1:2])


def checkpoint():
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3, "arch": "vit_tiny", "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, model="vit", mean=(0.5, 0.5), nested=None),
        "metric": np.float64(88.25), "big": 2**70, "negative": -(2**40), "flag": True,
        "size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float16,
        "seen": {1, 2}, "counts": Counter(a=2), "raw": b"\x00\xff",
        "betas": [0.9, 0.999],
    }


def write_torch():
    files = {"types": every_type(), "strided": strided()}
    for name, tensors in files.items():
        torch.save(tensors, OUT / f"{name}.pt")
        torch.save(tensors, OUT / f"{name}_legacy.pth", _use_new_zipfile_serialization=False)
        loaded = torch.load(OUT / f"{name}.pt", weights_only=True)
        expect(f"{name}.pt", loaded)
        expect(f"{name}_legacy.pth", torch.load(OUT / f"{name}_legacy.pth", weights_only=True))
    for protocol in (3, 4, 5):
        file = f"protocol{protocol}.pt"
        torch.save(strided(), OUT / file, pickle_protocol=protocol)
        expect(file, strided())

    state = checkpoint()
    torch.save(state, OUT / "checkpoint.pt")
    torch.save(state, OUT / "checkpoint_legacy.pth", _use_new_zipfile_serialization=False)
    expect("checkpoint.pt", state["state_dict"])
    expect("checkpoint_legacy.pth", state["state_dict"])

    parameter = torch.nn.Parameter(torch.arange(4.0))
    marked = torch.nn.Parameter(torch.arange(3.0))
    marked.note = "kept"
    tagged = torch.arange(2.0)
    tagged.note = "kept"
    parameters = {"plain": parameter, "marked": marked, "tagged": tagged}
    torch.save(parameters, OUT / "parameters.pt")
    expect("parameters.pt", parameters)

    torch.serialization.set_crc32_options(False)
    torch.save({"w": torch.arange(3.0)}, OUT / "no_crc.pt")
    torch.serialization.set_crc32_options(True)
    expect("no_crc.pt", {"w": torch.arange(3.0)})

    # What is refused, and how it is named.
    torch.save(torch.nn.Linear(2, 1), OUT / "module.pt")
    torch.save({"w": torch.zeros(2).to(torch.float8_e4m3fn)}, OUT / "float8.pt")
    torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, OUT / "complex.pt")
    torch.save({"w": torch.zeros(2, 2).to_sparse()}, OUT / "sparse.pt")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), OUT / "script.pt")


def write_safetensors():
    tensors = dict(every_type())
    safetensors.torch.save_file(tensors, OUT / "types.safetensors",
                                metadata={"format": "pt", "vit.config": '{"a": "ü"}'})
    expect("types.safetensors", safetensors.torch.load_file(OUT / "types.safetensors"))
    safetensors.torch.save_file({"w": torch.zeros(2).to(torch.float8_e4m3fn)},
                                OUT / "float8.safetensors")
    safetensors.torch.save_file({}, OUT / "empty.safetensors")
    expect("empty.safetensors", {})


def write_numpy():
    base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    arrays = {
        "c": base, "fortran": np.asfortranarray(base), "big": base.astype(">f4"),
        "big_fortran": np.asfortranarray(base.astype(">f8")), "scalar": np.float64(2.5),
        "empty": np.zeros((0, 3), np.float32), "bool": base > 5, "u8": base.astype(np.uint8),
        "i8": -base.astype(np.int8), "i64": base.astype(np.int64) << 33,
        "f16": base.astype(np.float16), "i16_big": base.astype(">i2"),
    }

    def tensor(array):
        array = np.asarray(array)
        return torch.from_numpy(np.array(array.astype(array.dtype.newbyteorder("=")), order="C"))

    for name, array in arrays.items():
        np.save(OUT / f"{name}.npy", array)
        expect(f"{name}.npy", {"": tensor(array)})
    # JAX's bfloat16 reaches numpy's format as two raw bytes.
    brain = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    np.save(OUT / "bf16.npy", brain.view(torch.int16).numpy().view("V2"))
    expect("bf16.npy", {"": brain})
    np.save(OUT / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(OUT / "records.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
    np.save(OUT / "complex.npy", np.zeros(2, dtype=np.complex64))

    stored = {"Transformer/encoder/kernel": base, "bias": arrays["fortran"], "n": np.int64(7)}
    np.savez(OUT / "stored.npz", **stored)
    np.savez_compressed(OUT / "deflated.npz", **stored)
    for file in ("stored.npz", "deflated.npz"):
        with np.load(OUT / file) as loaded:
            expect(file, {name: tensor(loaded[name]) for name in loaded.files})


def write_idx():
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    contents = struct.pack(">IIII", 0x803, *images.shape) + images.tobytes()
    (OUT / "images-idx3-ubyte").write_bytes(contents)
    (OUT / "images-idx3-ubyte.gz").write_bytes(gzip.compress(contents, mtime=0))
    labels = struct.pack(">II", 0x801, 2) + b"\x03\x09"
    (OUT / "labels-idx1-ubyte").write_bytes(labels)
    (OUT / "labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels, mtime=0))


def write_images():
    generator = np.random.default_rng(3)
    rgb = Image.fromarray(generator.integers(0, 256, (11, 17, 3), dtype=np.uint8))
    rgb.save(OUT / "rgb.jpg", quality=80)
    rgb.save(OUT / "progressive.jpg", progressive=True)
    rgb.convert("L").save(OUT / "grey.jpg")
    rgb.convert("CMYK").save(OUT / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(OUT / "turned.jpg", exif=exif)
    rgb.save(OUT / "rgb.png")
    rgb.convert("P").save(OUT / "palette.png")
    rgb.convert("RGBA").save(OUT / "alpha.png")
    Image.fromarray(generator.integers(0, 65536, (11, 17), dtype=np.uint16)).save(
        OUT / "sixteen.png")
    rgb.save(OUT / "lossy.webp")
    rgb.save(OUT / "lossless.webp", lossless=True)
    rgb.convert("RGBA").save(OUT / "extended.webp", exif=exif)
    rgb.save(OUT / "animated.webp", save_all=True, append_images=[rgb.rotate(180)])
    rgb.save(OUT / "rgb.bmp")
    rgb.save(OUT / "rgb.tif")
    rgb.save(OUT / "packed.tif", compression="tiff_lzw")
    rgb.resize((1, 1)).save(OUT / "one.png")


def main():
    OUT.mkdir(exist_ok=True)
    write_torch()
    write_safetensors()
    write_numpy()
    write_idx()
    write_images()
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
