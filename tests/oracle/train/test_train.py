"""vit-train as a user meets it: run folders, killed and stopped runs, fine-tuning, one-line errors.

What a run computes is compared in tests/train; here PyTorch's own classes read what it leaves.
"""

import gzip
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import tarfile
import time

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from conftest import BIN, run_limited

MODEL = ("img_size=12", "patch_size=4", "in_c=1", "embed_dim=16", "depth=2", "num_heads=2", "mlp_ratio=2")
CLASSES = 4


def write_idx(folder, prefix, count, compress=False):
    """Images [count, 12, 12] whose brightness tells the class."""
    random = np.random.default_rng(count)
    labels = (np.arange(count) % CLASSES).astype(np.uint8)
    images = (labels[:, None, None] * 60 + random.integers(0, 60, (count, 12, 12))).astype(np.uint8)
    for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
        header = struct.pack(">I", 0x800 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        data = header + array.tobytes()
        (folder / (name + ".gz" * compress)).write_bytes(gzip.compress(data) if compress else data)


def write_folders(folder, classes=("blue", "red"), splits=("train", "val")):
    for split in splits:
        for i, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for image in range(6):
                pixels = np.full((20, 24, 3), 40 + image, np.uint8)
                pixels[:, :, 2 - 2 * i] = 200
                Image.fromarray(pixels).save(folder / split / name / f"{image}.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idx")
    write_idx(folder, "train", 100, compress=True)
    write_idx(folder, "t10k", 24)
    return folder


def arguments(data, out, *more):
    return ["--data", data, "-o", out, "--epochs", 4, "--batch-size", 8, "--crop-mode", "shift", "--drop", ".1",
            "--drop-path", ".1", "--ema", ".95", "--clip-grad", 1, "--checkpoint-every", 5, "--threads", 1,
            "--device", "cpu", *more, "--model-arg", *MODEL]


def start(*words):
    return subprocess.Popen([BIN / "vit-train", *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)


def wait_for(process, condition):
    """Until the run has come as far as `condition` says; a run that ends before is an error."""
    for _ in range(6000):
        if condition():
            return
        assert process.poll() is None, f"ended before it could be stopped: {process.communicate()[1]}"
        time.sleep(0.005)
    raise AssertionError("never came that far")


@pytest.fixture(scope="module")
def straight(vit, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "straight"
    vit.run("vit-train", *arguments(data, out))
    return out


@pytest.fixture(scope="module")
def stopped(vit, data, tmp_path_factory):
    """The same run, ended by --max-steps behind two checkpoints; copied before anything is done to it."""
    out = tmp_path_factory.mktemp("runs") / "stopped"
    vit.run("vit-train", *arguments(data, out, "--max-steps", 12))
    return out


def test_leaves_what_a_run_is_to_leave(straight):
    names = {"args.json", "log.jsonl", "summary.csv", "report.html", "best.safetensors", "last.safetensors",
             "checkpoints"}
    assert {path.name for path in straight.iterdir()} == names
    rows = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if row["event"] == "epoch"] == [1, 2, 3, 4]
    assert (straight / "summary.csv").read_text().startswith("epoch,step,train_loss,eval_loss,eval_top1,eval_top5,lr")
    with safe_open(straight / "last.safetensors", "pt") as file:
        config = json.loads(file.metadata()["vit.config"])
    assert config["model"]["num_classes"] == CLASSES
    assert len(config["labels"]) == CLASSES


def test_reads_its_best_model_with_vit_infer(vit, data, straight):
    done = vit.run("vit-infer", "-m", straight / "best.safetensors", "--validate", data, "--format", "json", "-q")
    rows = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    best = max(row["eval_top1"] for row in rows if row["event"] == "epoch")
    assert json.loads(done.stdout)["top1"] == pytest.approx(best)


def test_gives_the_same_bytes_when_killed_and_resumed(vit, data, straight, tmp_path):
    out = tmp_path / "killed"
    process = start(*arguments(data, out))
    wait_for(process, lambda: (out / "checkpoints/step-15").exists())
    process.kill()
    process.communicate()
    assert not (out / "checkpoints/step-48").exists(), "killed too late to show anything"
    done = vit.run("vit-train", "--resume", out)
    assert "resumed from" in done.stderr
    for name in ("last.safetensors", "best.safetensors"):
        assert (out / name).read_bytes() == (straight / name).read_bytes()
    assert [row.split(",")[:7] for row in (out / "summary.csv").read_text().splitlines()] == [
        row.split(",")[:7] for row in (straight / "summary.csv").read_text().splitlines()]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_saves_and_leaves_on_a_signal(vit, data, straight, tmp_path, number, code):
    out = tmp_path / "stopped"
    process = start(*arguments(data, out))
    wait_for(process, lambda: (out / "checkpoints/step-5").exists())
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == code, errors
    assert "stopped at step" in errors
    vit.run("vit-train", *arguments(data, out, "--resume", "auto"))
    assert (out / "last.safetensors").read_bytes() == (straight / "last.safetensors").read_bytes()


def test_takes_the_checkpoint_before_a_damaged_one(vit, straight, stopped, tmp_path):
    out = shutil.copytree(stopped, tmp_path / "run")
    damaged = out / "checkpoints/step-12/training.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    done = vit.run("vit-train", "--resume", out)
    assert "SHA-256" in done.stderr and "step-10" in done.stderr
    assert (out / "last.safetensors").read_bytes() == (straight / "last.safetensors").read_bytes()


def test_resume_auto_starts_afresh_where_there_is_nothing(vit, data, straight, tmp_path):
    vit.run("vit-train", *arguments(data, tmp_path / "run", "--resume", "auto"))
    assert (tmp_path / "run/last.safetensors").read_bytes() == (straight / "last.safetensors").read_bytes()


def test_refuses_to_resume_with_other_values_or_nothing(vit, stopped, tmp_path):
    out = shutil.copytree(stopped, tmp_path / "run")
    done = vit.run("vit-train", "--resume", out, "--lr", 0.5, rc=2)
    assert "--lr" in done.stderr and done.stderr.count("\n") == 1
    assert "nothing: no such folder" in vit.run("vit-train", "--resume", tmp_path / "nothing", rc=4).stderr


def test_resumes_from_one_checkpoint_folder_in_place_or_as_another_run(vit, straight, stopped, tmp_path):
    out = shutil.copytree(stopped, tmp_path / "run")
    older, newest = out / "checkpoints/step-10", out / "checkpoints/step-12"
    done = vit.run("vit-train", "--resume", older, rc=2)
    assert "step-12" in done.stderr and "-o DIR" in done.stderr
    vit.run("vit-train", "--resume", older, "-o", tmp_path / "other")
    assert (tmp_path / "other/last.safetensors").read_bytes() == (straight / "last.safetensors").read_bytes()
    assert json.loads((tmp_path / "other/args.json").read_text())["output"] == str(tmp_path / "other")
    assert older.exists() and newest.exists()
    vit.run("vit-train", "--resume", older, "-o", tmp_path / "other", rc=4)  # holds a run already
    vit.run("vit-train", "--resume", newest)
    assert (out / "last.safetensors").read_bytes() == (straight / "last.safetensors").read_bytes()


def test_takes_a_run_folder_named_like_a_checkpoint_and_says_that_one_is_missing(vit, stopped, tmp_path):
    out = shutil.copytree(stopped, tmp_path / "step-5")
    vit.run("vit-train", "--resume", out, "--max-steps", 13)
    assert (out / "checkpoints/step-13").exists()
    done = vit.run("vit-train", "--resume", out / "checkpoints/step-999", "-o", tmp_path / "other", rc=4)
    assert "step-999: expected a checkpoint" in done.stderr and not (tmp_path / "other").exists()


@pytest.mark.parametrize("words", [
    ("--lora-alpha", 2), ("--lora-targets", "qkv"), ("--kd-temperature", 2), ("--task-loss-weight", 0.5),
    ("--distill-loss-weight", 0.5), ("--holdout", 10, "--val-split", "val")])
def test_refuses_flags_that_mean_nothing(vit, data, tmp_path, words):
    assert words[-2] in vit.run("vit-train", *arguments(data, tmp_path / "run", *words), "--dry-run", rc=2).stderr


def test_does_not_resume_from_a_damaged_checkpoint_that_is_named(vit, stopped, tmp_path):
    out = shutil.copytree(stopped, tmp_path / "run")
    (out / "checkpoints/step-12/state.json").write_text("{}")
    assert "state.json" in vit.run("vit-train", "--resume", out / "checkpoints/step-12", rc=1).stderr


def test_never_overwrites_a_run(vit, data, straight):
    before = (straight / "last.safetensors").read_bytes()
    done = vit.run("vit-train", *arguments(data, straight), rc=4)
    assert "--force" in done.stderr and done.stderr.count("\n") == 1
    assert (straight / "last.safetensors").read_bytes() == before


def test_keeps_the_run_that_it_was_to_replace_when_the_data_is_wrong(vit, stopped, tmp_path):
    out = shutil.copytree(stopped, tmp_path / "run")
    vit.run("vit-train", *arguments(tmp_path / "missing", out, "--force"), rc=4)
    assert (out / "last.safetensors").exists()


def test_fine_tunes_with_a_new_head(vit, straight, tmp_path):
    write_folders(tmp_path / "data", ("a", "b", "c"))
    out = tmp_path / "tuned"
    vit.run("vit-train", "--data", tmp_path / "data", "--model", straight / "last.safetensors", "-o", out,
            "--epochs", 1, "--batch-size", 6, "--lr", 0)
    before, after = load_file(straight / "last.safetensors"), load_file(out / "last.safetensors")
    assert after["head.weight"].shape == (3, 16)
    assert all(torch.equal(before[name], after[name]) for name in before if not name.startswith("head"))
    with safe_open(out / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["vit.config"])["labels"] == ["a", "b", "c"]


def test_trains_on_class_folders_in_colour(vit, tmp_path):
    write_folders(tmp_path / "data")
    out = tmp_path / "run"
    vit.run("vit-train", "--data", tmp_path / "data", "-o", out, "--epochs", 6, "--batch-size", 6, "--lr", 0.01,
            "--model-arg", "img_size=16", "patch_size=8", "embed_dim=16", "depth=1", "num_heads=2")
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert max(row["eval_top1"] for row in rows if row["event"] == "epoch") == 100


def write_shard(path, labels):
    """Grey images whose brightness tells the class, in the form that webdataset writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for i, label in enumerate(labels):
            png = io.BytesIO()
            Image.fromarray(np.full((12, 12), 60 * label + i % 40, np.uint8)).save(png, "png")
            for suffix, content in (("png", png.getvalue()), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"{path.stem}-{i:04}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def test_trains_on_tar_shards_and_resumes_in_the_middle_of_one(vit, tmp_path):
    for i in range(3):
        write_shard(tmp_path / f"data/t-{i:02}.tar", [(i + j) % CLASSES for j in range(40)])
    write_shard(tmp_path / "val/v.tar", [j % CLASSES for j in range(20)])
    pattern = tmp_path / "data/t-{00..02}.tar"
    words = ["--holdout", 20, "--lr", 0.003]
    vit.run("vit-train", *arguments(pattern, tmp_path / "straight", *words))
    vit.run("vit-train", *arguments(pattern, tmp_path / "cut", *words, "--max-steps", 17))
    vit.run("vit-train", "--resume", tmp_path / "cut", "--max-steps", 0)
    assert (tmp_path / "cut/last.safetensors").read_bytes() == (tmp_path / "straight/last.safetensors").read_bytes()
    done = vit.run("vit-infer", "-m", tmp_path / "straight/last.safetensors", "--validate", tmp_path / "val",
                   "--format", "json", "-q")
    assert json.loads(done.stdout)["images"] == 20
    assert json.loads(done.stdout)["top1"] > 40  # chance is 25


def test_refuses_a_pattern_of_shards_without_images_to_validate_on(vit, tmp_path):
    write_shard(tmp_path / "t-0.tar", [0, 1])
    done = vit.run("vit-train", *arguments(tmp_path / "t-{0..0}.tar", tmp_path / "run"), rc=2)
    assert done.stderr.startswith("vit-train: error: --holdout: expected images to validate on")


def test_shards_are_found_from_any_folder_and_never_written_to(vit, tmp_path, monkeypatch):
    for name in ("a", "b"):
        write_shard(tmp_path / f"{name}.tar", [0, 1, 2, 3] * 8)
    monkeypatch.chdir(tmp_path)
    vit.run("vit-train", *arguments("a.tar::b.tar", "run", "--holdout", 8, "--max-steps", 3))
    monkeypatch.chdir("/")
    vit.run("vit-train", "--resume", tmp_path / "run", "--max-steps", 5)
    kept = (tmp_path / "a.tar").read_bytes()
    for inputs in ([tmp_path / "a.tar"], [str(tmp_path / "{a,b}.tar")]):
        vit.run("vit-infer", "-m", tmp_path / "run/last.safetensors", "--validate", *inputs, "-o", tmp_path / "a.tar",
                "--force", rc=2)
    assert (tmp_path / "a.tar").read_bytes() == kept


def test_more_shards_than_files_may_be_open(vit, tmp_path):
    for i in range(40):
        write_shard(tmp_path / f"data/s-{i:02}.tar", [0, 1, 2, 3])
    words = [BIN / "vit-train", *arguments(tmp_path / "data/s-{00..39}.tar", tmp_path / "run", "--holdout", 16)]
    # What the program itself has open stays below 32 - 40.
    done = run_limited("-n 36", words)
    assert done.returncode == 0, done.stderr


def test_dry_run_prints_what_was_asked_for_and_leaves_nothing(vit, data, tmp_path):
    done = vit.run("vit-train", *arguments(data, tmp_path / "run", "--dry-run", "--seed", 7))
    plan = json.loads(done.stdout)
    assert plan["options"]["seed"] == 7
    assert plan["options"]["epochs"] == 4 and plan["train_images"] == 100 and plan["memory_bytes"] > 0
    assert not (tmp_path / "run").exists()
    assert plan["parameters"] == 16 * 17 + 2 * 16 + 16 + 10 * 16 + 2 * 2224 + 32 + 16 * CLASSES + CLASSES


@pytest.mark.parametrize("words, code, says", [
    (["--lr", "nan"], 2, "--lr"), (["--epochs", "0"], 2, "--epochs"), (["--epochs", "1.5"], 2, "--epochs"),
    (["--opt", "adamx"], 2, "adamx"), (["--recipe", "none"], 2, "none"), (["--model", "vit_tinny"], 2, "vit_tinny"),
    (["--model", "no/such.safetensors"], 4, "no/such.safetensors"), (["--model-arg", "embed_dmi=3"], 2, "embed_dmi"),
    (["--batch-size", "101"], 2, "--batch-size"), (["--model-arg", "num_heads=3"], 2, "num_heads"),
    (["--model-arg", "depth=0"], 2, "depth"), (["--arch", "vit_tiny_patch16_224"], 2, "--arch: expected a model file as --model"),
])
def test_says_in_one_line_what_is_wrong(vit, data, tmp_path, words, code, says):
    # A value given twice counts where it stands last.
    given = ["--data", data, "-o", tmp_path / "run", "--model-arg", *MODEL, *words]
    done = vit.run("vit-train", *given, rc=code)
    assert says in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("vit-train: error: ")


def test_says_what_is_wrong_with_the_data(vit, data, tmp_path):
    def error(folder, code):
        done = vit.run("vit-train", "--data", folder, "-o", tmp_path / "run", "--model-arg", "img_size=16",
                       "patch_size=8", "embed_dim=16", "depth=1", "num_heads=2", "--batch-size", 4, "--epochs", 1,
                       "--force", rc=code)
        assert done.stderr.splitlines()[-1].startswith("vit-train: error: ")
        return done.stderr

    assert "missing" in error(tmp_path / "missing", 4)
    write_folders(tmp_path / "no_val", splits=("train",))
    assert "val" in error(tmp_path / "no_val", 1)
    write_folders(tmp_path / "empty")
    (tmp_path / "empty/train/green").mkdir()
    assert "green" in error(tmp_path / "empty", 1)
    write_folders(tmp_path / "bad")
    (tmp_path / "bad/train/red/3.png").write_bytes(b"no image")
    assert "3.png" in error(tmp_path / "bad", 1)
    os.mkdir(tmp_path / "counts")
    write_idx(tmp_path / "counts", "train", 20)
    write_idx(tmp_path / "counts", "t10k", 8)
    path = tmp_path / "counts/train-labels-idx1-ubyte"
    path.write_bytes(struct.pack(">II", 0x801, 19) + path.read_bytes()[8:-1])
    assert "19" in error(tmp_path / "counts", 1)
