"""The memory that `vit-train --dry-run` names against the peak of the run."""

import json
import os
import subprocess
import time

import pytest

from conftest import BIN
from test_train import write_folders

FASHION = "/usr/share/datasets/fashion-mnist"
TINY, SMALL = "vit_tiny_patch16_224", "vit_small_patch16_224"


def peak_of(words):
    """The most memory that the process had, in bytes (wait4's ru_maxrss would count Python's before the exec too)."""
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with open(f"/proc/{process.pid}/status") as status:
            lines = [line for line in status if line.startswith("VmHWM:")]  # none of a process that has ended
        peak = max([peak, *(1024 * int(line.split()[1]) for line in lines)])
        time.sleep(0.01)
    assert process.returncode == 0
    return peak


@pytest.mark.parametrize("words", [
    ("--model", TINY, "--batch-size", 2),
    ("--model", TINY, "--batch-size", 12),
    ("--model", TINY, "--batch-size", 12, "--ema", 0.99, "--opt", "sgd"),
    ("--model", TINY, "--batch-size", 12, "--amp", "bf16"),
    ("--model", TINY, "--batch-size", 12, "--freeze-blocks", 12),
    ("--model", TINY, "--batch-size", 12, "--freeze-blocks", 6),
    ("--model", TINY, "--batch-size", 12, "--grad-checkpointing"),
    ("--model", TINY, "--batch-size", 12, "--grad-checkpointing", "--amp", "bf16"),
    ("--model", TINY, "--batch-size", 12, "--grad-checkpointing", "--freeze-blocks", 6),
    ("--model", TINY, "--batch-size", 3, "--accum", 4),
    ("--model", SMALL, "--batch-size", 4),
    ("--model", TINY, "--batch-size", 12, "--kernels", "own"),
    ("--model", TINY, "--batch-size", 12, "--kernels", "own", "--amp", "bf16"),
    ("--data", FASHION, "--recipe", "fashion-mnist", "--holdout", 64)])
def test_names_the_memory_that_a_run_takes(vit, tmp_path, words):
    if FASHION in words and not os.path.exists(FASHION):
        pytest.skip("no dataset-fashion-mnist")
    write_folders(tmp_path / "data")
    words = ("--data", tmp_path / "data", *words, "--max-steps", 1, "--threads", 1, "--workers", 1, "--device", "cpu")
    dry = json.loads(vit.run("vit-train", *words, "--dry-run").stdout)
    peak = peak_of([BIN / "vit-train", *words, "-o", tmp_path / "run"])
    assert dry["memory_bytes"] == pytest.approx(peak, rel=0.2), f"{dry['memory_bytes'] / peak:.2f} of the peak"
