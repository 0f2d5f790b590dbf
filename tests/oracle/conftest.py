"""What the oracle tests share: the commands, random weights, and the comparison of numbers."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from safetensors import safe_open

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("VIT_BIN", ROOT / "build/release/bin")).resolve()
sys.path.insert(0, str(pathlib.Path(__file__).parent))


class Commands:
    """The three programs, run as a user runs them."""

    def run(self, name, *arguments, rc=0, env=None, stdin=None, cwd=None):
        with open(stdin or os.devnull) as source:
            done = subprocess.run([BIN / name, *map(str, arguments)], capture_output=True, text=True, stdin=source, cwd=cwd,
                                  env={**os.environ, **(env or {})})
        assert done.returncode == rc, f"{name} {arguments}: exit {done.returncode}\n{done.stderr}"
        return done

    def convert(self, *arguments, rc=0):
        return self.run("vit-convert", *arguments, rc=rc)

    def infer(self, model, images, *arguments):
        """vit-infer's output for `images` [B, C, H, W], fed as they are."""
        folder = pathlib.Path(model).resolve().parent
        np.save(folder / "images.npy", np.asarray(images, dtype=np.float32))
        out = folder / "out.npy"
        self.run("vit-infer", "-m", model, folder / "images.npy", "--format", "npy", "-o", out, "--force",
                 "--device", "cpu", "-q", *arguments)
        return torch.from_numpy(np.load(out))


@pytest.fixture(scope="session")
def vit():
    if not (BIN / "vit-convert").exists():
        pytest.skip(f"{BIN} has no vit-convert (VIT_BIN names the folder)")
    return Commands()


def randomize(model, seed=0):
    """Draws every parameter and buffer: scales around 1, everything else so that each of them matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=generator)
            scales = ("norm" in name and name.endswith("weight")) or "gamma" in name
            if scales:
                value.copy_(1 + 0.3 * noise)
            elif value.ndim >= 2 and name.endswith("weight"):
                value.copy_(noise * value[0].numel() ** -0.5)
            else:
                value.copy_(0.3 * noise)
    return model.eval()


def random_model(architecture, seed=0, **arguments):
    """timm's model in eval mode, every parameter and buffer drawn: its own initialisation, which is slow, is left out."""
    return randomize(timm.create_model(architecture, weight_init="skip", **arguments), seed)


def assert_close(found, expected, relative, what=""):
    """Largest absolute difference against `relative` of the largest expected value."""
    assert found.shape == expected.shape, f"{what}: {tuple(found.shape)} against {tuple(expected.shape)}"
    assert torch.isfinite(found).all(), f"{what}: not finite"
    error = (found.double() - expected.double()).abs().max() / expected.double().abs().max()
    assert error <= relative, f"{what}: off by {error:.2e} of the largest value, allowed {relative:.0e}"
    return float(error)


def run_limited(limit, command):
    """The ended process of the command under the shell's `ulimit` with the words `limit`."""
    words = ["bash", "-c", f'ulimit {limit}; exec "$@"', "bash", *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True)


def log_rows(run, event):
    """A run folder's rows of log.jsonl of one event."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row["event"] == event]


def stored_config(path):
    """What a model file says of itself."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["vit.config"])


def config_file(path, architecture, arguments):
    """A config.json as the Hub has it, with the model's arguments."""
    path.write_text(json.dumps({
        "architecture": architecture, "num_classes": arguments["num_classes"], "model_args": arguments,
        "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9}}))
    return path
