#!/usr/bin/env python3
"""Kills vit-train (SIGKILL) at random moments, resumes it, and compares what it leaves with a run that nobody killed.

    tests/train/kill.py --count 200

A part of the kills waits until a checkpoint is being written (a folder step-N.tmp is there). Everything that draws random
numbers or keeps state is on: augmentation, Mixup, dropout, the average, accumulation. Exit 1 at the first difference.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ("last.safetensors", "best.safetensors")
TIMES = {"seconds", "images_per_second", "waiting"}


def write_data(folder):
    """Grey images whose brightness tells the class, as IDX files."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(1)
    for prefix, count in (("train", 96), ("t10k", 24)):
        labels = (np.arange(count) % 4).astype(np.uint8)
        images = (labels[:, None, None] * 60 + generator.integers(0, 60, (count, 12, 12))).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(">I", 0x800 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(header + array.tobytes())


def command(binary, data, out):
    return [binary, "--data", data, "-o", out, "--resume", "auto", "--epochs", "4", "--batch-size", "4", "--accum", "2",
            "--crop-mode", "shift", "--reprob", "0.2", "--mixup", "0.3", "--drop", "0.1", "--drop-path", "0.1", "--ema", "0.95",
            "--checkpoint-every", "2", "--log-every", "1", "--workers", "1", "--threads", "1", "--device", "cpu", "-q",
            "--model-arg", "img_size=12", "patch_size=4", "in_c=1", "embed_dim=48", "depth=3", "num_heads=2", "mlp_ratio=2"]


def contents(out):
    """What must be the same: model files, and the rows of the log without times."""
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    rows = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return [(out / name).read_bytes() for name in FILES] + [rows]


def unfinished(out):
    """Whether a checkpoint is being written, or was when the run ended."""
    try:
        return any(entry.name.endswith(".tmp") for entry in os.scandir(out / "checkpoints"))
    except FileNotFoundError:
        return False


def kill_once(words, out, generator, seconds):
    """Starts the run and kills it; returns whether it lived to be killed, and whether within a checkpoint."""
    before = unfinished(out)
    process = subprocess.Popen([*map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + generator.uniform(0, seconds)
    within = generator.random() < 0.5
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.002)
    if within:  # from that moment on, the next checkpoint that is being written
        while process.poll() is None and (before or not unfinished(out)):
            before = before and unfinished(out)  # an earlier kill's remains until they are removed
            time.sleep(0.0005)  # a checkpoint takes some milliseconds
    process.kill()
    errors = process.communicate()[1]
    if process.returncode == 0:
        return False, False
    assert process.returncode == -9, f"exit {process.returncode}: {errors.decode()}"
    return True, unfinished(out)


def kill_often(binary, count, seed=0, kills_a_run=10, say=lambda text: None):
    """Kills `count` runs' processes; returns how many of them within a checkpoint, and how many runs that made."""
    generator = random.Random(seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vit-kill-"))
    try:
        write_data(folder / "data")
        begin = time.monotonic()
        subprocess.run([*map(str, command(binary, folder / "data", folder / "straight"))], check=True)
        seconds = time.monotonic() - begin
        expected = contents(folder / "straight")
        killed = within = runs = 0
        while killed < count:
            out = folder / f"run-{runs}"
            runs += 1
            words = command(binary, folder / "data", out)
            for _ in range(min(kills_a_run, count - killed)):
                lived, in_checkpoint = kill_once(words, out, generator, seconds)
                if not lived:
                    break
                killed += 1
                within += in_checkpoint
            subprocess.run([*map(str, words)], check=True)
            for what, found, wanted in zip([*FILES, "log.jsonl"], contents(out), expected):
                assert found == wanted, f"run {runs} of seed {seed}: {what} is not that of the run that nobody killed"
            assert not unfinished(out)
            shutil.rmtree(out)
            say(f"{killed} kills, {within} within a checkpoint, {runs} runs, all with the same bits")
        return within, runs
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    arguments = parser.parse_args()
    within, _ = kill_often(arguments.bin / "vit-train", arguments.count, arguments.seed,
                           say=lambda text: print(text, flush=True))
    if within * 4 < arguments.count:
        sys.exit(f"only {within} of {arguments.count} kills within a checkpoint: a quarter at least is wanted")


if __name__ == "__main__":
    main()
