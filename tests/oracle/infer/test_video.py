"""Videos as INPUT of vit-infer: each frame's row is the row of the same frame saved as a PNG."""

import io
import json
import os
import signal
import struct
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

from conftest import BIN, ROOT
from images import photograph

FASHION = ROOT / "weights/vit_fashion_mnist.safetensors"
SIZE = (30, 44)
FPS = 10
pytestmark = pytest.mark.skipif(not (BIN.parent / "lib/libvit_video.so").exists(), reason="built without VIT_VIDEO")


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def group(kind, data):
    return chunk(b"LIST", kind + data)


def write_avi(path, frames, fps=FPS):
    """Uncompressed, so that a decoder can only give back the same pixels."""
    height, width = frames[0].shape[:2]
    row = (3 * width + 3) // 4 * 4
    size = row * height
    header = struct.pack("<14I", 1_000_000 // fps, size * fps, 0, 0x10, len(frames), 0, 1, size, width, height, 0, 0, 0, 0)
    # fccType, handler; flags, priority and language, initial frames; scale, rate, start, length; buffer, quality, sample
    stream = b"vidsDIB " + struct.pack("<10I", 0, 0, 0, 1, fps, 0, len(frames), size, 0, 0)
    stream += struct.pack("<4H", 0, 0, width, height)
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    movie = bytearray()
    for frame in frames:
        rows = np.zeros((height, row), np.uint8)
        rows[:, :3 * width] = frame[::-1, :, ::-1].reshape(height, -1)  # bottom up, BGR
        movie += chunk(b"00db", rows.tobytes())
    lists = group(b"hdrl", chunk(b"avih", header) + group(b"strl", chunk(b"strh", stream) + chunk(b"strf", bitmap)))
    lists += group(b"movi", bytes(movie))
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(lists)) + b"AVI " + lists)
    return path


@pytest.fixture(scope="module")
def frames():
    return [np.asarray(photograph(*SIZE, seed=i)) for i in range(11)]


@pytest.fixture
def clip(frames, tmp_path):
    return write_avi(tmp_path / "clip.avi", frames)


@pytest.fixture
def images(frames, tmp_path):
    paths = [tmp_path / f"{i:02}.png" for i in range(len(frames))]
    for frame, path in zip(frames, paths):
        Image.fromarray(frame).save(path)
    return paths


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    import timm
    from timm.models import save_for_hf
    root = tmp_path_factory.mktemp("model") / "model"
    save_for_hf(timm.create_model("vit_tiny_patch16_224", depth=1, img_size=32), root, safe_serialization=True,
                model_args=dict(depth=1, img_size=32))
    return root


def rows(vit, model, *inputs, rc=0):
    done = vit.run("vit-infer", "-m", model, *inputs, "--device", "cpu", "--format", "jsonl", "--batch-size", "4", rc=rc)
    return [json.loads(line) for line in done.stdout.splitlines()]


def one_line(done, *parts):
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("vit-infer: error: "), done.stderr
    for part in parts:
        assert part in lines[0], lines[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_frame_has_the_row_of_its_image(channels, vit, colour, clip, images):
    model = FASHION if channels == 1 else colour
    found, expected = rows(vit, model, clip), rows(vit, model, *images)
    assert [row["file"] for row in found] == [f"{clip}#{i}" for i in range(len(images))]
    assert [row["topk"] for row in found] == [row["topk"] for row in expected]


@pytest.mark.parametrize("every, numbers", [("4", [0, 4, 8]), ("0.5s", [0, 5, 10]), ("0.25s", [0, 3, 5, 8, 10]),
                                            ("100", [0]), ("1", range(11))])
def test_every_picks_frames(every, numbers, vit, clip):
    assert [row["file"] for row in rows(vit, FASHION, clip, "--every", every)] == [f"{clip}#{i}" for i in numbers]


def test_features_and_inputs_of_frames_are_those_of_the_images(vit, colour, clip, images, tmp_path):
    for option in (["--features", "mean"], ["--preprocess-only"]):
        for name, inputs in (("a.npy", [clip]), ("b.npy", images)):
            vit.run("vit-infer", "-m", colour, *inputs, *option, "-o", tmp_path / name, "--force", "--device", "cpu",
                    "--batch-size", "4")
        assert np.array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_videos_images_and_lists_mix(vit, clip, images, tmp_path):
    (tmp_path / "list").write_text(f"{images[1]}\n{clip}\n")
    done = vit.run("vit-infer", "-m", FASHION, images[0], "-", "--every", "6", "--device", "cpu", "--format", "csv",
                   stdin=tmp_path / "list")
    names = [line.split(",")[0] for line in done.stdout.splitlines()[1:]]
    assert names == [str(images[0]), str(images[1]), f"{clip}#0", f"{clip}#6"]


def test_overlays_of_frames_are_those_of_the_images(vit, colour, clip, images, tmp_path):
    for name, inputs in (("a", [clip]), ("b", images)):
        vit.run("vit-infer", "-m", colour, *inputs, "--attention", tmp_path / name, "--device", "cpu", "--batch-size", "4")
    found, expected = ([path.read_bytes() for path in (tmp_path / name).iterdir()] for name in "ab")
    assert len(found) == len(images) and sorted(found) == sorted(expected)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "mov"])
def test_annotate_writes_every_frame(suffix, vit, clip, images, tmp_path):
    out = tmp_path / f"out.{suffix}"
    done = vit.run("vit-infer", "-m", FASHION, clip, "--every", "3", "--annotate", out, "--device", "cpu")
    assert len(done.stdout.splitlines()) == 4 and done.stderr == ""
    assert len(rows(vit, FASHION, out)) == len(images)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == [out.name]


def test_annotate_never_overwrites_unless_forced(vit, clip, tmp_path):
    out = tmp_path / "out.avi"
    out.write_text("mine")
    one_line(vit.run("vit-infer", "-m", FASHION, clip, "--annotate", out, "--device", "cpu", rc=4), "out.avi", "--force")
    assert out.read_text() == "mine"
    vit.run("vit-infer", "-m", FASHION, clip, "--annotate", out, "--device", "cpu", "--force")
    assert out.read_bytes()[:4] == b"RIFF"


def test_annotate_never_replaces_its_input(vit, clip, tmp_path):
    before = clip.read_bytes()
    (tmp_path / "link.avi").symlink_to(clip)
    for out in (clip, tmp_path / "link.avi"):
        one_line(vit.run("vit-infer", "-m", FASHION, clip, "--annotate", out, "--force", "--device", "cpu", rc=2))
    assert clip.read_bytes() == before


@pytest.mark.parametrize("arguments", [
    ["IMAGE", "--every", "2"],
    ["CLIP", "--every", "0"],
    ["CLIP", "--every", "x"],
    ["IMAGE", "--annotate", "out.mp4"],
    ["CLIP", "IMAGE", "--annotate", "out.mp4"],
    ["CLIP", "CLIP", "--annotate", "out.mp4"],
    ["-", "--annotate", "out.mp4"],
    ["CLIP", "--annotate", "out.png"],
    ["CLIP", "--annotate", "out.webm"],  # OpenCV writes none without a line of its own on stderr
    ["CLIP", "--annotate", "out.mp4", "--features", "mean", "-o", "f.npy"],
    ["CLIP", "--annotate", "out.mp4", "--resume", "-o", "rows.csv"],
    ["camera:x"],
    ["camera:63"],
])
def test_is_a_usage_error(arguments, vit, clip, images, tmp_path):
    names = {"IMAGE": images[0], "CLIP": clip, "out.mp4": tmp_path / "out.mp4", "out.png": tmp_path / "out.png",
             "out.webm": tmp_path / "out.webm",
             "f.npy": tmp_path / "f.npy", "rows.csv": tmp_path / "rows.csv"}
    done = vit.run("vit-infer", "-m", FASHION, "--device", "cpu", *[names.get(a, a) for a in arguments], rc=2)
    one_line(done)
    assert done.stdout == "" and not list(tmp_path.glob("out.*"))


def test_a_video_that_breaks_off_is_an_error_after_its_last_good_frame(vit, clip, images, tmp_path):
    data = clip.read_bytes()
    clip.write_bytes(data[:len(data) * 6 // 10])
    done = vit.run("vit-infer", "-m", FASHION, clip, "--device", "cpu", "--format", "csv", "--annotate",
                   tmp_path / "out.avi", rc=1)
    names = [line.split(",")[0] for line in done.stdout.splitlines()[1:]]
    assert 0 < len(names) < len(images) and names == [f"{clip}#{i}" for i in range(len(names))]
    one_line(done, str(clip), "cut short")
    assert not (tmp_path / "out.avi").exists()
    # Skipped, what there is comes out whole, and the next input follows.
    done = vit.run("vit-infer", "-m", FASHION, clip, images[0], "--device", "cpu", "--on-error", "skip", rc=1)
    assert "\terror\t" in done.stdout.splitlines()[-2] and str(images[0]) in done.stdout.splitlines()[-1]


def test_what_is_no_video_is_one_line(vit, images, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    images[0].rename(tmp_path / "image.mkv")
    for name, code in (("text.mp4", 1), ("image.mkv", 1), ("gone.avi", 4)):
        done = vit.run("vit-infer", "-m", FASHION, tmp_path / name, "--device", "cpu", rc=code)
        assert done.stdout == ""
        one_line(done, name)


def test_a_signal_leaves_whole_rows_and_no_video(vit, frames, tmp_path):
    clip = write_avi(tmp_path / "long.avi", frames * 2000)
    out = tmp_path / "rows.jsonl"
    process = subprocess.Popen([BIN / "vit-infer", "-m", FASHION, clip, "--device", "cpu", "--format", "jsonl", "-o", out,
                                "--annotate", tmp_path / "out.avi", "-q"])
    part = tmp_path / "rows.jsonl.part"
    while not part.exists() or part.stat().st_size == 0:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    written = [json.loads(line) for line in part.read_text().splitlines() if line.startswith('{"file"')]
    assert [row["file"] for row in written] == [f"{clip}#{i}" for i in range(len(written))] and written
    assert part.read_text().endswith("\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.avi", "rows.jsonl.part", "rows.jsonl.part.json"]


def test_a_run_that_a_signal_stopped_is_resumed_to_the_same_rows(vit, frames, tmp_path):
    clip = write_avi(tmp_path / "long.avi", frames * 120)
    arguments = ["-m", FASHION, clip, "--every", "3", "--device", "cpu", "--format", "csv", "-o"]
    vit.run("vit-infer", *arguments, tmp_path / "whole.csv")
    process = subprocess.Popen([BIN / "vit-infer", *arguments, tmp_path / "rows.csv", "-q"])
    part = tmp_path / "rows.csv.part"
    while not part.exists() or part.stat().st_size < 1000:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    one_line(vit.run("vit-infer", *["2" if a == "3" else a for a in arguments], tmp_path / "rows.csv", "--resume", rc=2),
             "every")
    vit.run("vit-infer", *arguments, tmp_path / "rows.csv", "--resume")
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_frames_that_are_too_large_are_one_line(vit, clip):
    data = bytearray(clip.read_bytes())
    for place in (data.index(b"avih") + 8 + 32, data.index(b"strf") + 8 + 4):
        data[place:place + 8] = struct.pack("<2I", 12000, 12000)
    clip.write_bytes(data)
    done = vit.run("vit-infer", "-m", FASHION, clip, "--device", "cpu", rc=1)
    assert done.stdout == ""
    one_line(done, str(clip), "at most 100000000 pixels", "12000")


def test_annotate_draws_the_first_class_in_the_corner_and_nothing_elsewhere(vit, tmp_path):
    plain = np.full((240, 320, 3), 128, np.uint8)
    clip = write_avi(tmp_path / "clip.avi", [plain] * 3)
    vit.run("vit-infer", "-m", FASHION, clip, "--annotate", tmp_path / "out.avi", "--device", "cpu")
    # Motion JPEG: each frame of the result is a JPEG, which Pillow reads.
    data = (tmp_path / "out.avi").read_bytes()
    images = []
    at = data.find(b"\xff\xd8\xff")
    while at >= 0:
        images.append(np.asarray(Image.open(io.BytesIO(data[at:])).convert("L")))
        at = data.find(b"\xff\xd8\xff", at + 3)
    assert len(images) == 3
    for image in images:
        assert image[:20, :60].min() < 60 and image[:20, :60].max() > 200  # bright text on a dark box
        assert np.abs(image[60:].astype(int) - 128).max() <= 8  # what JPEG loses of a plain grey


def test_opencvs_video_libraries_are_opened_for_a_video_only(vit, clip, images):
    linked = subprocess.run(["ldd", BIN / "vit-infer"], capture_output=True, text=True, check=True).stdout
    assert "opencv_videoio" not in linked and "avcodec" not in linked
    environment = {**os.environ, "LD_DEBUG": "libs"}
    for inputs, loaded in (([images[0]], False), ([clip], True)):
        done = subprocess.run([BIN / "vit-infer", "-m", FASHION, *inputs, "--device", "cpu"], capture_output=True, text=True,
                              env=environment, check=True)
        assert ("libopencv_videoio" in done.stderr) == loaded
