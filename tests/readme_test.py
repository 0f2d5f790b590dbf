"""Tests that tests/README.md names exist."""

import pathlib
import re

TESTS = pathlib.Path(__file__).parent


def test_every_test_that_the_table_names_is_there():
    named = re.findall(r"`([a-z_]+/[a-z_0-9]+)`", (TESTS / "README.md").read_text())
    assert named
    missing = [name for name in named if not list(TESTS.glob(name + "*"))]
    assert not missing, missing
