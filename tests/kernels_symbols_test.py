"""Sources that are compiled for AVX2 or AVX-512 give nothing to sources that are not.

The linker keeps one copy of an inline function or template instance. If it kept the AVX2 source's,
processors without AVX2 would crash in code that looks portable. So no object of a level may define
a symbol that others could be given.
"""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parent.parent
OBJECTS = pathlib.Path(os.environ["VIT_BIN"]).resolve().parent / "src/CMakeFiles/vit_kernels.dir"
SOURCES = sorted(
    path.relative_to(ROOT / "src")
    for level in ("avx2", "avx512")
    for path in (ROOT / "src/kernels").glob(f"*/{level}.cpp")
)


def test_there_are_sources_of_levels():
    assert len(SOURCES) >= 8


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_object_defines_only_functions_of_its_level(source):
    found = subprocess.run(
        ["nm", "--defined-only", "--extern-only", "--demangle", OBJECTS / f"{source}.o"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()
    assert found
    for line in found:
        _, kind, name = line.split(maxsplit=2)
        assert kind == "T" and f"vit::kernels::{source.stem}::" in name, line
