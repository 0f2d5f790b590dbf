"""The floors look down only: no file may include a room above it or beside it."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
BELOW = {
    "core": set(),
    "kernels": {"core"},
    "runtime": {"core"},
    "io": {"core"},
    "config": {"core", "io"},
    "state_dict": {"core", "io", "config"},
    "engine": {"core", "kernels", "io", "config", "state_dict"},
    "nn": {"core", "kernels", "runtime"},
    "data": {"core", "kernels", "io"},
    "model": {"core", "kernels", "runtime", "io", "config", "state_dict", "engine", "nn"},
    "train": {"core", "kernels", "runtime", "io", "config", "state_dict", "engine", "nn", "data", "report", "model"},
    "report": {"core", "data"},
    "infer": {"core", "kernels", "io", "config", "state_dict", "engine", "data"},
    "pipeline": {"core", "kernels", "io", "config", "state_dict", "engine", "data", "report", "infer"},
}
LIBTORCH = re.compile(r"#include [<\"](torch|ATen|c10)/")
OPENCV = re.compile(r"#include [<\"]opencv2/")
# Public headers, and private ones (src/<room>/…) by their path from src.
INCLUDE = re.compile(r"#include [<\"](?:vit/)?(\w+)/")


def sources(room):
    for folder in (ROOT / "include/vit" / room, ROOT / "src" / room):
        yield from (path for path in sorted(folder.rglob("*")) if path.suffix in (".h", ".cpp"))


def test_vit_infer_includes_no_libtorch():
    files = [*(ROOT / "tools/vit_infer").iterdir(), *(ROOT / "tools/common").iterdir()]
    for path in files:
        if path.name not in ("torch.h", "torch.cpp"):
            assert not LIBTORCH.search(path.read_text()), path
            assert "vit/model/" not in path.read_text(), path


@pytest.mark.parametrize("room", BELOW)
def test_room_includes_only_what_stands_below_it(room):
    files = list(sources(room))
    assert files
    for path in files:
        for included in INCLUDE.findall(path.read_text()):
            if included not in BELOW:
                continue
            assert included in BELOW[room] | {room}, f"{path.relative_to(ROOT)} includes {included}"


@pytest.mark.parametrize("room", ["core", "kernels", "io", "config", "state_dict", "engine", "data", "report", "infer", "pipeline"])
def test_room_is_free_of_libtorch_and_opencv(room):
    for path in sources(room):
        assert not LIBTORCH.search(path.read_text()), path
        assert not OPENCV.search(path.read_text()), path


def test_opencv_stays_in_one_header_and_in_the_plug_in():
    for folder in ("include", "src"):
        for path in sorted((ROOT / folder).rglob("*")):
            allowed = path == ROOT / "include/vit/opencv.h" or path.is_relative_to(ROOT / "src/video")
            if path.suffix in (".h", ".cpp") and not allowed:
                assert not OPENCV.search(path.read_text()), path


def test_the_plug_in_includes_core_data_and_opencv_alone():
    for path in sources("video"):
        text = path.read_text().replace('"vit/opencv.h"', "")  # of no room
        assert set(INCLUDE.findall(text)) <= {"core", "data", "opencv2"}, path
        assert not LIBTORCH.search(text), path


def test_nothing_includes_all_of_libtorch():
    for folder in ("include", "src", "tools", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                assert "#include <torch/torch.h>" not in path.read_text(), path


def test_only_tools_parse_arguments():
    for folder in ("include", "src"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                assert "#include <CLI/" not in path.read_text(), path
