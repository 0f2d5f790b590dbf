"""Fine-tuning: low-rank updates against the same in PyTorch, linear probes, and other sizes, on real images."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import training_loop
from conftest import ROOT
from training_loop import Loop, make_model, model_file, real, real_images, smoothed, train  # noqa: F401

pytestmark = pytest.mark.skipif(not training_loop.FASHION.exists(), reason="no dataset-fashion-mnist")
SEED = 42


@pytest.fixture(scope="module")
def start(vit, tmp_path_factory):
    """The file of make_model()."""
    return model_file(vit, tmp_path_factory.mktemp("start"), make_model())


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """For models of a real size: 64 images to train on, 100 to validate on."""
    folder = tmp_path_factory.mktemp("few") / "data"
    real_images(folder, 64, 100)
    return folder


class LowRank(torch.nn.Module):
    """W x + b + B A x alpha / rank (Hu et al. 2021; what peft's Linear computes)."""

    def __init__(self, linear, rank, alpha, generator):
        super().__init__()
        self.linear, self.scale = linear, alpha / rank
        bound = linear.in_features ** -0.5
        self.lora_A = torch.nn.Parameter(torch.empty(rank, linear.in_features).uniform_(-bound, bound, generator=generator))
        self.lora_B = torch.nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + x @ self.lora_A.T @ self.lora_B.T * self.scale

    def merged(self):
        return self.linear.weight + self.scale * self.lora_B @ self.lora_A


def with_updates(model, rank, alpha, targets):
    """Everything but the head frozen; the targets updated."""
    generator = torch.Generator().manual_seed(SEED + 2)
    for name, value in model.named_parameters():
        value.requires_grad = name.startswith("head.")
    for block in model.blocks:
        for part, name in ((block.attn, "qkv"), (block.attn, "proj"), (block.mlp, "fc1"), (block.mlp, "fc2")):
            if name in targets:
                setattr(part, name, LowRank(getattr(part, name), rank, alpha, generator))
    return model


@pytest.mark.parametrize("flags, rank, alpha, targets", [
    (("--lora-rank", 4), 4, 4, ("qkv", "proj", "fc1", "fc2")),
    (("--lora-rank", 2, "--lora-alpha", 8, "--lora-targets", "qkv", "fc2"), 2, 8, ("qkv", "fc2"))])
def test_trains_low_rank_updates_as_pytorch_does_and_merges_them(vit, real, start, tmp_path, flags, rank, alpha, targets):
    data, images = real
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with_updates(model, rank, alpha, targets)
    expected, _ = Loop(*images, steps=20, lr=5e-3).run(model, smoothed)
    rows = train(vit, tmp_path / "run", data, start, *flags, "--lr", 5e-3, steps=20)
    # Rounding of float32 that twenty steps make larger.
    assert [row["loss"] for row in rows] == pytest.approx(expected, rel=2e-5)
    vit.convert(tmp_path / "run/last.safetensors", tmp_path / "timm", "--to", "timm", "-q")
    weights = load_file(tmp_path / "timm/model.safetensors")
    assert weights.keys() == before.keys()
    for i, block in enumerate(model.blocks):
        for part, name in (("attn", "qkv"), ("attn", "proj"), ("mlp", "fc1"), ("mlp", "fc2")):
            found = weights[f"blocks.{i}.{part}.{name}.weight"]
            layer = getattr(getattr(block, part), name)
            if name in targets:
                assert (found - layer.merged()).abs().max() < 1e-5  # float32, of updates of some 1e-2
                assert (found - layer.linear.weight).abs().max() > 1e-3
            else:
                assert torch.equal(found, layer.weight)
    assert torch.equal(weights["patch_embed.proj.weight"], before["patch_embed.proj.weight"])
    assert not torch.equal(weights["head.weight"], before["head.weight"])


def test_holds_only_the_trained_parameters_in_the_optimiser_and_resumes(vit, real, start, tmp_path):
    data, _ = real
    flags = ("--lora-rank", 4, "--ema", 0.9)
    train(vit, tmp_path / "straight", data, start, *flags, steps=30)
    train(vit, tmp_path / "resumed", data, start, *flags, "--max-steps", 13, steps=30)
    with safe_open(tmp_path / "resumed/checkpoints/step-13/training.safetensors", "pt") as checkpoint:
        moments = [key for key in checkpoint.keys() if key.startswith("optimizer.exp_avg.")]
    assert len(moments) == 2 + 2 * 4 * 3 and all("lora_" in key or "head." in key for key in moments)
    vit.run("vit-train", "--resume", tmp_path / "resumed")
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "straight" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()
    words = ("--data", data, "--model", start, "--epochs", 1, "--dry-run")
    dry = json.loads(vit.run("vit-train", *words, *flags).stdout)
    lora = 3 * 4 * ((48 + 144) + (48 + 48) + (48 + 96) + (96 + 48))
    assert dry["trained_parameters"] == lora + 48 * 10 + 10 < dry["parameters"]
    assert "--lora-targets" in vit.run("vit-train", *words, "--lora-rank", 4, "--lora-targets", "qvk", rc=2).stderr
    assert "--lora-rank" in vit.run("vit-train", "--data", data, "--epochs", 1, "--dry-run", "--lora-rank", 4, rc=2).stderr


def test_a_linear_probe_learns_with_the_head_alone(vit, few, tmp_path):
    vit.run("vit-train", "--data", few, "--model", ROOT / "weights/vit_fashion_mnist.safetensors", "-o", tmp_path / "run",
            "--freeze-blocks", 6, "--epochs", 1, "--batch-size", 32, "--lr", 1e-3, "--crop-mode", "none")
    before, after = load_file(ROOT / "weights/vit_fashion_mnist.safetensors"), load_file(tmp_path / "run/last.safetensors")
    assert {name for name in before if not torch.equal(before[name].float(), after[name])} == {"head.weight", "head.bias"}


def test_fine_tunes_at_a_higher_resolution(vit, few, tmp_path):
    """A model for 28 pixels learns on 56: its position embedding is resampled as timm does."""
    out = tmp_path / "run"
    vit.run("vit-train", "--data", few, "--model", ROOT / "weights/vit_fashion_mnist.safetensors", "-o", out, "--img-size", 56,
            "--total-steps", 2, "--batch-size", 16, "--lr", 1e-4, "--crop-mode", "none")
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["eval_top1"] > 75  # it knew 28 pixels; a model that starts anew is near 10
    with safe_open(out / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["vit.config"])["model"]["img_size"] == 56
        assert file.get_slice("pos_embed").get_shape()[1] == 14 * 14
