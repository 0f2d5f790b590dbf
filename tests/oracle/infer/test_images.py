"""Images that are not what they seem: each is one line on stderr and the exit code of its kind."""

import os
import struct
import subprocess
import zlib

import pytest
import timm
from PIL import Image
from timm.models import save_for_hf

from conftest import BIN
from images import photograph


def chunk(kind, data, crc=None):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def huge_png(path):
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) +
                     chunk(b"IEND", b""))


def broken_crc(path):
    photograph(40, 40).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"IDAT")
    length = struct.unpack(">I", data[at - 4:at])[0]
    data[at + 4 + length] ^= 1
    path.write_bytes(data)


def cut(share, suffix):
    def make(path):
        photograph(120, 160).save(path, suffix)
        data = path.read_bytes()
        path.write_bytes(data[:int(len(data) * share)])
    return make


BAD = {
    "empty.jpg": (lambda p: p.write_bytes(b""), 1),
    "text.jpg": (lambda p: p.write_text("not an image"), 1),
    "huge.png": (huge_png, 1),
    "crc.png": (broken_crc, 1),
    **{f"cut{int(100 * s)}.{x}": (cut(s, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[x]), 1)
       for s in (0.1, 0.5, 0.99) for x in ("jpg", "png", "webp")},
    "fifo.png": (os.mkfifo, 4),
    "gone.png": (lambda p: None, 4),
    "loop.png": (lambda p: p.symlink_to(p), 4),
    "animation.gif": (lambda p: photograph(20, 20).save(p), 1),
}
GOOD = {
    "dot.png": lambda p: photograph(1, 1).save(p),
    "line.png": lambda p: photograph(1, 10000).save(p),
    "cmyk.jpg": lambda p: photograph(30, 30).convert("CMYK").save(p),
    "grey16.png": lambda p: Image.new("I;16", (30, 30), 40000).save(p),
    "misnamed.png": lambda p: photograph(30, 30).save(p, "JPEG"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    root = tmp_path_factory.mktemp("model") / "model"
    save_for_hf(timm.create_model("vit_tiny_patch16_224", depth=1), root, safe_serialization=True,
                model_args=dict(depth=1))
    return root


@pytest.mark.parametrize("name", BAD)
def test_is_refused_in_one_line(name, vit, model, tmp_path):
    make, code = BAD[name]
    make(tmp_path / name)
    done = vit.run("vit-infer", "-m", model, tmp_path / name, "--device", "cpu", rc=code)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("vit-infer: error: ") and name in lines[0]


@pytest.mark.parametrize("name", GOOD)
def test_is_taken(name, vit, model, tmp_path):
    GOOD[name](tmp_path / name)
    assert name in vit.run("vit-infer", "-m", model, tmp_path / name, "--device", "cpu").stdout


def test_an_unreadable_image_is_an_io_error(vit, model, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    photograph(9, 9).save(tmp_path / "x.png")
    (tmp_path / "x.png").chmod(0)
    vit.run("vit-infer", "-m", model, tmp_path / "x.png", "--device", "cpu", rc=4)


def test_a_folder_holds_all_of_it(vit, model, tmp_path):
    """A loop, a folder named like an image and every bad file, skipped one by one."""
    for name, (make, _) in BAD.items():
        if name != "animation.gif":
            make(tmp_path / name)
    (tmp_path / "folder.png").mkdir()
    photograph(20, 20).save(tmp_path / "folder.png/inside.png")
    (tmp_path / "folder.png/up").symlink_to(tmp_path)
    done = vit.run("vit-infer", "-m", model, tmp_path, "--device", "cpu", "--on-error", "skip", rc=1)
    rows = done.stdout.splitlines()
    good = [row for row in rows if "\terror\t" not in row]
    assert len(good) == 1 and "folder.png/inside.png" in good[0]
    assert len(rows) == len([n for n in BAD if n not in ("animation.gif", "gone.png")]) + 1
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_without_images_says_so(vit, model, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    done = vit.run("vit-infer", "-m", model, tmp_path, "--device", "cpu", rc=1)
    assert "expected images" in done.stderr


def test_a_million_pixels_too_many_are_not_decoded(vit, model, tmp_path):
    """Refused from the header: nothing of that size is ever allocated."""
    huge_png(tmp_path / "huge.png")
    script = ("import resource, subprocess, sys\n"
              "subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)\n"
              "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n")
    import sys
    done = subprocess.run([sys.executable, "-c", script, BIN / "vit-infer", "-m", model, tmp_path / "huge.png", "--device",
                           "cpu"], capture_output=True, text=True, check=True)
    # 60,000 x 60,000 x 3 would be 10 GiB; LibTorch alone takes some 150 MiB.
    assert int(done.stdout) < 500 * 1024
