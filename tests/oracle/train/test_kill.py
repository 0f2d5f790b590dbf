"""Runs that are killed at random moments and resumed; tests/train/kill.py by hand kills 200."""

import sys

from conftest import BIN, ROOT

sys.path.insert(0, str(ROOT / "tests/train"))
from kill import kill_often  # noqa: E402


def test_no_kill_loses_a_run_or_changes_a_bit(vit):
    # How many kills meet a checkpoint that is being written is a matter of timing: by hand it is counted.
    _, runs = kill_often(BIN / "vit-train", 8, kills_a_run=4)
    assert runs >= 2
