"""The memory that `vit-train --dry-run` names against the peak of the run."""

import json
import os
import shutil
import subprocess
import time

import pytest

from conftest import BIN, run_limited
from test_train import write_folders

FASHION = "/usr/share/datasets/fashion-mnist"
TINY, SMALL = "vit_tiny_patch16_224", "vit_small_patch16_224"
# Half as wide, with batches twice as large: the same memory in half the time.
NARROW = ("--model", TINY, "--model-arg", "embed_dim=96")


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


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twenty-four images to train on. An evaluation keeps no gradients and is no peak: an image a class will do."""
    folder = tmp_path_factory.mktemp("memory")
    write_folders(folder)
    for path in folder.glob("val/*/[1-9].png"):
        path.unlink()
    for path in folder.glob("train/*/*.png"):
        shutil.copy(path, path.with_stem(f"{path.stem}-again"))
    return folder


@pytest.mark.parametrize("words", [
    ("--model", TINY, "--batch-size", 2),
    (*NARROW, "--batch-size", 24),
    (*NARROW, "--batch-size", 12, "--model-arg", "fused_attn=false"),
    ("--model", TINY, "--batch-size", 12, "--amp", "bf16"),
    (*NARROW, "--batch-size", 24, "--freeze-blocks", 12),
    ("--model", TINY, "--batch-size", 12, "--freeze-blocks", 6),
    (*NARROW, "--batch-size", 24, "--grad-checkpointing"),
    (*NARROW, "--batch-size", 24, "--grad-checkpointing", "--amp", "bf16"),
    (*NARROW, "--batch-size", 24, "--grad-checkpointing", "--freeze-blocks", 6),
    (*NARROW, "--batch-size", 6, "--accum", 4),
    (*NARROW, "--batch-size", 24, "--kernels", "own"),
    (*NARROW, "--batch-size", 24, "--kernels", "own", "--amp", "bf16"),
    # Half of it are weights and what stands beside each of them.
    ("--model", SMALL, "--model-arg", "depth=6", "--batch-size", 2),
    ("--model", SMALL, "--model-arg", "depth=6", "--batch-size", 2, "--ema", 0.99, "--opt", "sgd"),
    ("--data", FASHION, "--recipe", "fashion-mnist", "--holdout", 64)])
def test_names_the_memory_that_a_run_takes(vit, data, tmp_path, words):
    if FASHION in words and not os.path.exists(FASHION):
        pytest.skip("no dataset-fashion-mnist")
    compare(vit, tmp_path, "--data", data, "--max-steps", 1, *words)


@pytest.mark.parametrize("many", ["train", "val"])
def test_names_the_batches_that_the_loader_has_in_hand(vit, data, tmp_path, many):
    """Of four an epoch, or of a validation, beside which there are nearly no gradients; else of one."""
    folder = shutil.copytree(data, tmp_path / "data")
    for part in ("train", "val"):
        paths = sorted(folder.glob(f"{part}/*/*.png"))
        for i in range((384 if part == many else 96) - len(paths)):
            path = paths[i % len(paths)]
            shutil.copy(path, path.with_stem(f"{path.stem}-copy{i}"))
    compare(vit, tmp_path, "--data", folder, "--max-steps", 4, *NARROW, "--batch-size", 96, "--freeze-blocks", 12)


def test_a_batch_beyond_the_memory_says_how_much_was_asked_for(tmp_path):
    if not os.path.exists(FASHION):
        pytest.skip("no dataset-fashion-mnist")
    # Of address space: activations of 20,000 images are more, whatever this machine has.
    command = [BIN / "vit-train", "--data", FASHION, "--recipe", "fashion-mnist", "--batch-size", "20000",
               "--max-steps", "1", "--threads", "1", "--workers", "1", "--device", "cpu", "-o", tmp_path / "run"]
    done = run_limited("-v 3000000", command)
    assert done.returncode == 4
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(errors) == 1 and "not enough memory" in errors[0] and "iB asked for" in errors[0]


def compare(vit, tmp_path, *words):
    words = (*words, "--threads", 1, "--workers", 1, "--device", "cpu")
    dry = json.loads(vit.run("vit-train", *words, "--dry-run").stdout)
    peak = peak_of([BIN / "vit-train", *words, "-o", tmp_path / "run"])
    assert dry["memory_bytes"] == pytest.approx(peak, rel=0.2), f"{dry['memory_bytes'] / peak:.2f} of the peak"
