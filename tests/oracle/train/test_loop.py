"""Whole runs of vit-train against the same loop in PyTorch and timm, on real images."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from timm.task import LogitDistillationTask, TokenDistillationTask

import training_loop
from training_loop import Loop, make_model, model_file, real, smoothed, train  # noqa: F401

TINY, DISTILLED = "vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"
pytestmark = pytest.mark.skipif(not training_loop.FASHION.exists(), reason="no dataset-fashion-mnist")


@pytest.fixture(scope="module")
def start(vit, tmp_path_factory):
    """The files of make_model(), by architecture, and of a teacher that sees the images normalised in its own way."""
    folder = tmp_path_factory.mktemp("start")
    files = {architecture: model_file(vit, folder, make_model(architecture=architecture), architecture, architecture)
             for architecture in (TINY, DISTILLED)}
    return {**files, "teacher": model_file(vit, folder, make_teacher(), "teacher", depth=2, mean=0.5, std=0.25)}


def make_teacher():
    teacher = make_model(7, depth=2)
    with torch.no_grad():
        teacher.head.weight.normal_(std=0.5)
    teacher.pretrained_cfg.update(mean=(0.5,), std=(0.25,))
    return teacher.eval()


def test_fifty_steps_are_those_of_pytorch_and_timm(vit, real, start, tmp_path):
    data, images = real
    model = make_model()
    expected, _ = Loop(*images, lr=5e-3).run(model, torch.nn.functional.cross_entropy)
    rows = train(vit, tmp_path / "run", data, start[TINY], "--lr", 5e-3, "--smoothing", 0)
    found = [row["loss"] for row in rows]
    assert len(found) == 50
    assert sum(found[-5:]) <= 0.7 * sum(found[:5]), "the loss is to fall by 30 %"
    # Rounding of float32 grows with the steps: 50 of them stay within 1e-4.
    assert found == pytest.approx(expected, rel=1e-4)
    vit.convert(tmp_path / "run/last.safetensors", tmp_path / "timm", "--to", "timm", "-q")
    weights = load_file(tmp_path / "timm/model.safetensors")
    for name, value in model.state_dict().items():
        # Biases of keys have no gradient but rounding, which Adam makes steps of.
        if name.endswith("qkv.bias"):
            third = len(value) // 3
            value, weights[name] = [torch.cat([x[:third], x[2 * third:]]) for x in (value, weights[name])]
        # Adam's steps are as large for a gradient near zero as for any: some last bits of it are seen in the weights.
        assert (weights[name] - value).abs().max() <= 2e-3 * value.abs().max().clamp(min=0.05), name


def test_float16_is_scaled_as_pytorchs_grad_scaler_does(vit, real, tmp_path):
    data, images = real
    model = make_model()
    with torch.no_grad():
        model.head.weight.normal_(std=8)  # gradients that the first scales are too large for
    file = model_file(vit, tmp_path, model)
    expected, scales = Loop(*images, steps=20).run(model, smoothed, torch.float16, torch.amp.GradScaler("cpu"))
    rows = train(vit, tmp_path / "run", data, file, "--amp", steps=20)
    assert [row["loss_scale"] for row in rows] == scales
    assert scales[-1] < 65536
    # Products are rounded to 11 bits, in another order on either side.
    assert [row["loss"] for row in rows] == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("architecture, flags, task, arguments", [
    (TINY, (), LogitDistillationTask, {}),
    (TINY, ("--kd-temperature", 2, "--task-loss-weight", 0.3), LogitDistillationTask,
     dict(temperature=2, task_loss_weight=0.3)),
    (DISTILLED, ("--distillation", "soft", "--distill-loss-weight", 0.7), TokenDistillationTask,
     dict(distill_type="soft", distill_loss_weight=0.7)),
    (DISTILLED, ("--distillation", "hard", "--task-loss-weight", 0.5), TokenDistillationTask,
     dict(distill_type="hard", task_loss_weight=0.5)),
    (DISTILLED, ("--kd-distill-type", "logit"), LogitDistillationTask, {}),
])
def test_learns_from_a_teacher_as_timms_tasks_do(vit, real, start, tmp_path, architecture, flags, task, arguments):
    data, images = real
    student = make_model(architecture=architecture)
    teacher = make_teacher()
    arguments = {"temperature": 4.0, **arguments}
    made = task(student, teacher, criterion=torch.nn.CrossEntropyLoss(label_smoothing=0.1), verbose=False,
                device=torch.device("cpu"), **arguments)
    made.train()
    teacher.eval()
    expected, _ = Loop(*images, steps=12).run(student, made)
    rows = train(vit, tmp_path / "run", data, start[architecture], "--teacher", start["teacher"], *flags, steps=12)
    # Rounding of float32 that twelve steps make larger.
    assert [row["loss"] for row in rows] == pytest.approx(expected, rel=2e-5)
    vit.run("vit-train", "--resume", tmp_path / "run")


def test_a_teacher_must_fit_the_model(vit, real, start, tmp_path):
    data, _ = real
    file = start[TINY]
    words = ("vit-train", "--data", data, "--model", file, "--epochs", 1, "-o", tmp_path / "run")
    for name, arguments, says in (("classes", dict(num_classes=7), "classes"), ("input", dict(img_size=14), "28 x 28")):
        teacher = model_file(vit, tmp_path, make_model(**arguments), name, **arguments)
        error = vit.run(*words, "--teacher", teacher, rc=2).stderr
        assert "--teacher" in error.splitlines()[-1] and says in error.splitlines()[-1]
    assert "--teacher" in vit.run(*words, "--distillation", "hard", rc=2).stderr
    assert "nowhere" in vit.run(*words, "--teacher", tmp_path / "nowhere", "--dry-run", rc=4).stderr
    assert "second head" in vit.run(*words, "--teacher", file, "--kd-distill-type", "token", rc=2).stderr


def test_a_balanced_sampler_shows_each_class_as_often(vit, real, tmp_path):
    """At a learning rate of 0 an epoch's loss is the mean over the classes, not over the images."""
    _, (images, labels) = real
    chosen = [np.flatnonzero(labels == 0)[:1].repeat(80), *(np.flatnonzero(labels == c)[:20] for c in (1, 2))]
    chosen = np.concatenate(chosen)
    (tmp_path / "data").mkdir()
    for prefix in ("train", "t10k"):
        training_loop.write_idx(tmp_path / f"data/{prefix}-images-idx3-ubyte", images[chosen])
        training_loop.write_idx(tmp_path / f"data/{prefix}-labels-idx1-ubyte", labels[chosen])
    model = make_model(num_classes=3).eval()
    loop = Loop(images[chosen], labels[chosen])
    with torch.no_grad():
        losses = torch.nn.functional.cross_entropy(model(loop.images), loop.labels, reduction="none")
    expected = {"random": losses.mean(), "balanced": (losses[:80].mean() + losses[80:100].mean() + losses[100:].mean()) / 3}
    assert abs(expected["random"] - expected["balanced"]) > 1e-3
    file = model_file(vit, tmp_path, model, num_classes=3)
    for sampler, loss in expected.items():
        train(vit, tmp_path / sampler, tmp_path / "data", file, "--sampler", sampler, "--batch-size", 20, "--lr", 0,
              "--smoothing", 0, steps=6)
        rows = [json.loads(line) for line in (tmp_path / sampler / "log.jsonl").read_text().splitlines()]
        assert rows[-1]["train_loss"] == pytest.approx(loss.item(), rel=1e-5)
