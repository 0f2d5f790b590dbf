"""Images with any number of classes: vit-train and vit-infer against PyTorch's loss and scikit-learn's average precision."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import log_rows
from training_loop import Loop, make_model, model_file

CLASSES = ("dark", "left", "top", "never")
SMALL = ("img_size=28", "patch_size=7", "in_c=1", "embed_dim=16", "depth=1", "num_heads=2")


def average_precision(scores, truth):
    """scikit-learn's average_precision_score (1.5), as its documentation defines it: over the distinct thresholds."""
    order = np.argsort(-scores, kind="stable")
    scores, truth = scores[order], truth[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    found = np.cumsum(truth)[ends]
    precision, recall = found / (ends + 1), found / truth.sum()
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def write_images(folder, counts={"train": 64, "val": 24}):
    """Grey images with a bright half, or none; returns their pixels and targets by split."""
    random = np.random.default_rng(3)
    made, rows = {}, []
    for split, count in counts.items():
        (folder / split).mkdir(parents=True)
        targets = np.stack([random.integers(0, 2, count) for _ in CLASSES], 1).astype(np.float32)
        targets[:, 3] = 0
        images = random.integers(90, 110, (count, 28, 28))
        images[targets[:, 0] == 1] -= 60
        images[targets[:, 1] == 1, :, :14] += 80
        images[targets[:, 2] == 1, :14] += 60
        made[split] = images.astype(np.uint8), targets
        for i in range(count):
            Image.fromarray(made[split][0][i]).save(folder / split / f"{i:03}.png")
            rows.append([f"{split}/{i:03}.png", *map(int, targets[i])])
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", *CLASSES], *rows])
    return made


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels") / "data"
    return folder, write_images(folder)


@pytest.fixture(scope="module")
def run(vit, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    model = make_model(num_classes=4)
    file = model_file(vit, folder, model, num_classes=4)
    vit.run("vit-train", "--data", images[0], "--labels-csv", images[0] / "labels.csv", "--model", file, "-o", folder / "run",
            "--total-steps", 40, "--batch-size", 32, "--lr", 1e-3, "--weight-decay", 0.05, "--warmup-steps", 5,
            "--clip-grad", 1, "--crop-mode", "none", "--hflip", 0, "--log-every", 1, "--threads", 1, "--device", "cpu",
            "--val-every", 5, "--tensorboard")
    return folder / "run", model


def test_minimises_binary_cross_entropy_as_pytorch_does(run, images):
    folder, model = run
    pixels, targets = images[1]["train"]
    loop = Loop(pixels, np.zeros(len(pixels)), steps=40)
    loop.labels = torch.from_numpy(targets)
    expected, _ = loop.run(model, torch.nn.functional.binary_cross_entropy_with_logits)
    found = [row["loss"] for row in log_rows(folder, "step")]
    # Rounding of float32 grows with the steps.
    assert found == pytest.approx(expected, rel=1e-4)


def test_measures_average_precision_as_scikit_learn_does(vit, run, images):
    folder, _ = run
    done = vit.run("vit-infer", "-m", folder / "last.safetensors", "--validate", images[0], "--labels-csv",
                   images[0] / "labels.csv", "--format", "json", "-q")
    found = json.loads(done.stdout)
    vit.run("vit-infer", "-m", folder / "last.safetensors", images[0] / "val", "--format", "npy", "-o", folder / "logits.npy",
            "--force", "-q")
    logits = np.load(folder / "logits.npy")
    _, targets = images[1]["val"]
    expected = {name: 100 * average_precision(logits[:, c], targets[:, c]) for c, name in enumerate(CLASSES) if c < 3}
    assert {one["label"]: one["average_precision"] for one in found["per_class"]} == pytest.approx(expected)
    assert [one["images"] for one in found["per_class"]] == targets.sum(0)[:3].tolist()
    assert found["map"] == pytest.approx(np.mean(list(expected.values())))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.from_numpy(logits), torch.from_numpy(targets))
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-5)
    last = log_rows(folder, "epoch")[-1]
    assert (last["eval_map"], last["eval_loss"]) == pytest.approx((found["map"], found["loss"]), rel=1e-5)
    assert "eval_top1" not in last
    text = vit.run("vit-infer", "-m", folder / "last.safetensors", "--validate", images[0], "--labels-csv",
                   images[0] / "labels.csv", "-q").stdout
    assert f"mAP {found['map']:.3f} %" in text


def test_logs_and_reports_map(run):
    folder, _ = run
    assert (folder / "summary.csv").read_text().startswith("epoch,step,train_loss,eval_loss,eval_map,lr")
    page = (folder / "report.html").read_text()
    assert "Validation mAP" in page and "best mAP" in page and "Average precision" in page and "top-1" not in page


def test_rows_hold_the_classes_past_a_threshold(vit, run, images):
    folder, _ = run
    logits = np.load(folder / "logits.npy")
    probs = 1 / (1 + np.exp(-logits.astype(np.float64)))
    words = ("-m", folder / "last.safetensors", images[0] / "val", "--activation", "sigmoid", "-q")
    rows = [json.loads(line) for line in
            vit.run("vit-infer", *words, "--threshold", 0.4, "--format", "jsonl").stdout.splitlines()]
    for row, expected in zip(rows, probs, strict=True):
        assert {one["index"] for one in row["topk"]} == set(np.flatnonzero(expected >= 0.4))
        assert [one["prob"] for one in row["topk"]] == pytest.approx(sorted(expected[expected >= 0.4], reverse=True), rel=1e-5)
    table = list(csv.reader(vit.run("vit-infer", *words, "--threshold", 0.4, "--format", "csv").stdout.splitlines()))
    assert {len(line) for line in table} == {1 + 3 * 4}
    assert [line[1] for line in table[1:]] == [str(row["topk"][0]["index"]) if row["topk"] else "" for row in rows]
    two = [json.loads(line) for line in
           vit.run("vit-infer", *words, "--topk", 2, "--format", "jsonl").stdout.splitlines()]
    assert all(len(row["topk"]) == 2 for row in two)
    vit.run("vit-infer", *words, "--threshold", 0.4, "--validate", rc=2)
    for more in (("--validate",), ("--format", "npy"), ("--features", "cls")):
        assert "--activation sigmoid" in vit.run("vit-infer", *words, *more, rc=2).stderr
    assert "--threshold" in vit.run("vit-infer", *words, "--threshold", 0.4, "--format", "npy", rc=2).stderr


def test_takes_names_in_one_column_and_holds_images_out(vit, images, tmp_path):
    lines = list(csv.reader(open(images[0] / "labels.csv")))[1:]
    with open(tmp_path / "names.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "labels"], *(
            [line[0], ";".join(name for name, value in zip(CLASSES, line[1:]) if value == "1")] for line in lines)])
    words = ("--data", images[0], "--labels-csv", tmp_path / "names.csv", "--batch-size", 8, "--dry-run", "--model-arg", *SMALL)
    found = json.loads(vit.run("vit-train", *words).stdout)
    assert found["model"]["labels"] == ["dark", "left", "top"]
    assert (found["train_images"], found["val_images"]) == (64, 24)
    found = json.loads(vit.run("vit-train", "--holdout", 10, *words).stdout)
    assert (found["train_images"], found["val_images"]) == (54, 10)


def test_mixes_weighs_and_resumes(vit, images, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_bytes((images[0] / "labels.csv").read_bytes())

    def train(out, *more):
        vit.run("vit-train", "--data", images[0], "--labels-csv", table, "-o", tmp_path / out, "--epochs", 2,
                "--batch-size", 8, "--mixup", 0.4, "--threads", 1, "--device", "cpu", *more, "--model-arg", *SMALL)
    (tmp_path / "weights").write_text("1\n2\n1\n0\n")
    train("straight", "--class-weights", tmp_path / "weights")
    train("resumed", "--class-weights", tmp_path / "weights", "--max-steps", 5)
    vit.run("vit-train", "--resume", tmp_path / "resumed")
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "straight" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace(",1", ",0") if ",1" in lines[1] else lines[1].replace(",0", ",1", 1)
    table.write_text("\n".join(lines) + "\n")
    assert "train/000.png" in vit.run("vit-train", "--resume", tmp_path / "resumed", rc=1).stderr
