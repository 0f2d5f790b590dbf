"""On a CUDA device: the same numbers as PyTorch and timm on the CPU, and runs that go on where they stopped.

Skipped where `vit-train --version` finds no CUDA device.
"""

import json
import subprocess

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import training_loop
from conftest import BIN, ROOT, assert_close, random_model
from training_loop import Loop, make_model, model_file, real, smoothed, train  # noqa: F401

MODEL = ROOT / "weights/vit_fashion_mnist.safetensors"


def why_not():
    if not (BIN / "vit-train").exists():
        return f"{BIN} has no vit-train"
    lines = subprocess.run([BIN / "vit-train", "--version"], capture_output=True, text=True).stdout.splitlines()
    cuda = next((line for line in lines if line.startswith("CUDA")), "vit-train --version says nothing of CUDA")
    return "" if cuda == "CUDA available" else cuda


WHY_NOT = why_not()
pytestmark = [pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT),
              pytest.mark.skipif(not training_loop.FASHION.exists(), reason="no dataset-fashion-mnist")]


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "deit_small_distilled_patch16_224",
                                          "vit_base_patch16_siglip_gap_224", "vit_large_patch14_reg4_dinov2"])
@pytest.mark.parametrize("precision, relative", [
    # float32 sums in another order; bfloat16 has 8 bits and fp16 has 11, and timm's own are off by as much.
    ("fp32", 1e-5), ("bf16", 4e-2), ("fp16", 5e-3)])
def test_forward_passes_are_timms(vit, tmp_path, architecture, precision, relative):
    model = random_model(architecture, depth=3, num_classes=17, img_size=112)
    training_loop.save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "timm.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({
        "architecture": architecture, "num_classes": 17, "model_args": {"depth": 3, "img_size": 112},
        "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9}}))
    vit.convert(tmp_path / "timm.safetensors", tmp_path / "model.safetensors", "--config", tmp_path / "config.json", "-q")
    images = torch.randn(5, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(images)
    found = vit.infer(tmp_path / "model.safetensors", images, "--device", "cuda", "--precision", precision,
                      "--batch-size", 3)
    assert_close(found, expected, relative, architecture)


def test_classes_features_and_attention_are_those_of_the_cpu(vit, tmp_path):
    images = sorted((ROOT / "weights/examples").glob("*.png"))
    rows = {}
    for device in ("cpu", "cuda"):
        words = ("-m", MODEL, *images, "--device", device, "--engine", "modules")
        vit.run("vit-infer", *words, "--format", "csv", "-o", tmp_path / f"{device}.csv")
        vit.run("vit-infer", *words, "--features", "mean", "--format", "npy", "-o", tmp_path / f"{device}.npy")
        vit.run("vit-infer", *words, "--attention", tmp_path / device, "-o", tmp_path / f"{device}-attention.csv")
        rows[device] = [line.split(",")[:3] for line in (tmp_path / f"{device}.csv").read_text().splitlines()]
    assert [row[:2] for row in rows["cuda"]] == [row[:2] for row in rows["cpu"]]
    cpu, cuda = np.load(tmp_path / "cpu.npy"), np.load(tmp_path / "cuda.npy")
    assert np.abs(cpu - cuda).max() <= 1e-4 * np.abs(cpu).max()  # features before a norm, of float32 sums
    assert len(list((tmp_path / "cuda").iterdir())) == len(images)


@pytest.mark.parametrize("opt", ["adamw", "sgd", "lamb", "lion", "muon"])
def test_steps_are_those_of_timms_optimisers(vit, real, tmp_path, opt):
    data, images = real
    model = make_model()
    file = model_file(vit, tmp_path, model)
    expected, _ = Loop(*images, steps=30, opt=opt).run(model, smoothed)
    rows = train(vit, tmp_path / "run", data, file, "--opt", opt, "--device", "cuda", steps=30)
    # float32 sums in another order, which thirty steps make larger; Muon iterates in bfloat16, Lion takes signs.
    relative = {"muon": 2e-2, "lion": 5e-3}.get(opt, 1e-4)
    assert [row["loss"] for row in rows] == pytest.approx(expected, rel=relative)


@pytest.mark.parametrize("flags", [
    ("--amp", "bf16"), ("--amp", "fp16"), ("--lora-rank", 4), ("--drop-path", 0.2, "--ema", 0.9),
    ("--mixup", 0.2, "--cutmix", 0.5), ("--accum", 2), ("--freeze-blocks", 2),
    ("--grad-checkpointing", "--drop-path", 0.2, "--amp", "bf16")], ids=str)
def test_resumes_where_it_stopped(vit, real, tmp_path, flags):
    data, _ = real
    file = model_file(vit, tmp_path, make_model())
    words = ("--device", "cuda", *flags, "--lr", 3e-3)
    whole = train(vit, tmp_path / "whole", data, file, *words, steps=30)
    train(vit, tmp_path / "parts", data, file, *words, "--max-steps", 13, steps=30)
    vit.run("vit-train", "--resume", tmp_path / "parts")
    parts = [json.loads(line) for line in (tmp_path / "parts/log.jsonl").read_text().splitlines()]
    parts = [row for row in parts if row["event"] == "step"]
    assert [row["step"] for row in parts] == [row["step"] for row in whole]
    # Sums by atomic additions come in any order on CUDA: nearly the same numbers, not the same bits.
    assert [row["loss"] for row in parts] == pytest.approx([row["loss"] for row in whole], rel=2e-3)
    assert np.mean([row["loss"] for row in whole[-5:]]) < np.mean([row["loss"] for row in whole[:5]])
    weights = [load_file(tmp_path / run / "last.safetensors") for run in ("whole", "parts")]
    assert all(torch.isfinite(value.float()).all() for value in weights[1].values())


def test_a_run_goes_on_from_the_cpu(vit, real, tmp_path):
    data, _ = real
    file = model_file(vit, tmp_path, make_model())
    whole = train(vit, tmp_path / "whole", data, file, steps=30)
    train(vit, tmp_path / "parts", data, file, "--max-steps", 13, steps=30)
    vit.run("vit-train", "--resume", tmp_path / "parts", "--device", "cuda")
    parts = [json.loads(line) for line in (tmp_path / "parts/log.jsonl").read_text().splitlines()]
    found = [row["loss"] for row in parts if row["event"] == "step"]
    assert found == pytest.approx([row["loss"] for row in whole], rel=1e-3)  # float32 sums in another order


def test_validates_a_dataset(vit, real, tmp_path):
    data, _ = real
    words = ("vit-infer", "-m", MODEL, "--validate", data, "--format", "json", "--engine", "modules")
    top1 = [json.loads(vit.run(*words, "--device", device).stdout)["top1"] for device in ("cpu", "cuda")]
    assert top1[0] == top1[1]


def test_devices_that_are_not_there_are_one_line(vit, tmp_path):
    error = vit.run("vit-infer", "-m", MODEL, ROOT / "weights/examples/trouser.png", "--device", "cuda:99", rc=2).stderr
    assert len(error.splitlines()) == 1 and "cuda:99" in error
