"""vit-train loses nothing and decides nothing without a word: outputs that are inputs, foreign files, two runs,
datasets that changed, names in any bytes, heads that are kept or not."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from conftest import BIN
from test_train import MODEL, start, wait_for, write_folders, write_idx

TINY = ("--epochs", 2, "--batch-size", 8, "--crop-mode", "shift", "--threads", 1, "--device", "cpu", "--model-arg",
        *MODEL)
COLOUR = ("--epochs", 1, "--batch-size", 6, "--threads", 1, "--device", "cpu")
COLOUR_MODEL = ("--model-arg", "img_size=16", "patch_size=8", "embed_dim=16", "depth=1", "num_heads=2")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idx")
    write_idx(folder, "train", 40)
    write_idx(folder, "t10k", 8)
    return folder


@pytest.fixture(scope="module")
def finished(vit, data, tmp_path_factory):
    """A run that is copied before anything is done to it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    vit.run("vit-train", "--data", data, "-o", out, *TINY)
    return out


@pytest.fixture
def run(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def error(vit, *words, rc, env=None):
    done = vit.run("vit-train", *words, rc=rc, env=env)
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("vit-train: error: ") and done.stderr.count("error:") == 1, done.stderr
    return lines[-1]


@pytest.mark.parametrize("model", ["best.safetensors", "checkpoints/step-10/model.safetensors", "../link/x"])
def test_never_deletes_the_model_that_it_reads(vit, data, run, tmp_path, model):
    (tmp_path / "link").mkdir()
    (tmp_path / "link/x").symlink_to(run / "last.safetensors")
    before = contents(run)
    for force in ([], ["--force"]):
        assert "input" in error(vit, "--data", data, "--model", run / model, "-o", run, "--epochs", 1, *force, rc=2)
    assert contents(run) == before


def test_never_writes_into_the_dataset(vit, tmp_path):
    write_folders(tmp_path / "data")
    (tmp_path / "link").symlink_to(tmp_path / "data/train")
    before = contents(tmp_path)
    for out in ("data", "data/train/run", "data/../data", "link/red/x"):
        error(vit, "--data", tmp_path / "data", "-o", tmp_path / out, *COLOUR, *COLOUR_MODEL, "--force", rc=2)
    assert contents(tmp_path) == before


def test_trains_beside_a_dataset_that_lies_in_the_run_folder(vit, tmp_path):
    write_folders(tmp_path / "run/data")
    before = contents(tmp_path / "run/data")
    words = ("--data", tmp_path / "run/data", "-o", tmp_path / "run", *COLOUR, *COLOUR_MODEL)
    error(vit, *words, rc=4)
    vit.run("vit-train", *words, "--force")
    vit.run("vit-train", *words, "--force")
    assert contents(tmp_path / "run/data") == before


def test_replaces_a_run_and_nothing_else(vit, data, run):
    (run / "notes.txt").write_text("mine")
    vit.run("vit-train", "--data", data, "-o", run, *TINY, "--max-steps", 1, "--force")
    assert (run / "notes.txt").read_text() == "mine"
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-1"]


@pytest.mark.parametrize("name", ["best.safetensors", "checkpoints/thesis.txt", "checkpoints/step-3/x", "args.json"])
def test_leaves_foreign_files_under_its_names_alone(vit, data, run, name):
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text("mine")
    before = contents(run)
    assert "no run wrote it" in error(vit, "--data", data, "-o", run, *TINY, "--force", rc=4)
    assert contents(run) == before


@pytest.mark.parametrize("link", [False, True])
def test_resuming_leaves_a_foreign_report_alone(vit, run, tmp_path, link):
    report = tmp_path / "other.html" if link else run / "report.html"
    (run / "report.html").unlink()
    report.write_text("mine")
    if link:
        (run / "report.html").symlink_to(report)
    assert "no run wrote it" in error(vit, "--resume", run, rc=4)
    assert report.read_text() == "mine"


def test_leaves_a_foreign_checkpoints_folder_alone(vit, data, tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/model.pt").write_text("mine")
    error(vit, "--data", data, "-o", tmp_path / "run", *TINY, "--force", rc=4)
    assert (tmp_path / "run/checkpoints/model.pt").read_text() == "mine"


def test_lets_one_run_at_a_time_into_a_folder(vit, data, tmp_path):
    out = tmp_path / "run"
    first = start("--data", data, "-o", out, *TINY, "--epochs", 100000)
    wait_for(first, lambda: (out / "last.safetensors").exists())
    for words in (["--data", data, "-o", out, *TINY, "--force"], ["--resume", out],
                  ["--data", data, "-o", out, *TINY, "--resume", "auto"]):
        assert "another run" in error(vit, *words, rc=4)
    first.kill()
    first.communicate()
    vit.run("vit-train", "--resume", out, "--max-steps", 1)


def test_never_has_model_files_without_a_checkpoint(vit, data, tmp_path):
    """Killed anywhere, a run can be resumed."""
    out = tmp_path / "run"
    process = start("--data", data, "-o", out, *TINY)
    wait_for(process, lambda: (out / "best.safetensors").exists())
    process.kill()
    process.communicate()
    assert any(path.name in ("step-5", "step-10") for path in (out / "checkpoints").iterdir())
    vit.run("vit-train", "--data", data, "-o", out, *TINY, "--resume", "auto")


@pytest.mark.parametrize("auto", [True, False])
def test_resume_deletes_nothing_where_no_checkpoint_verifies(vit, data, run, auto):
    for checkpoint in (run / "checkpoints").iterdir():
        (checkpoint / "model.safetensors").write_bytes(b"damaged")
    before = contents(run)
    words = ["--data", data, "-o", run, *TINY, "--resume", "auto"] if auto else ["--resume", run]
    assert "none verifies" in error(vit, *words, rc=1)
    assert contents(run) == before


def test_resume_auto_deletes_nothing_where_the_checkpoints_are_gone(vit, data, run):
    shutil.rmtree(run / "checkpoints")
    before = contents(run)
    error(vit, "--data", data, "-o", run, *TINY, "--resume", "auto", rc=1)
    assert contents(run) == before


def test_resume_and_force_exclude_each_other(vit, run):
    assert "--force" in error(vit, "--resume", run, "--force", rc=2)


def test_resume_auto_starts_where_a_run_never_came_to_its_first_checkpoint(vit, data, finished, run):
    for name in ("best.safetensors", "last.safetensors", "checkpoints"):
        shutil.rmtree(run / name) if name == "checkpoints" else (run / name).unlink()
    (run / "checkpoints/step-5.tmp").mkdir(parents=True)
    (run / "checkpoints/step-5.tmp/model.safetensors").write_bytes(b"half")
    vit.run("vit-train", "--data", data, "-o", run, *TINY, "--resume", "auto")
    assert (run / "last.safetensors").read_bytes() == (finished / "last.safetensors").read_bytes()
    assert not (run / "checkpoints/step-5.tmp").exists()


def test_refuses_a_dataset_that_changed_since_the_checkpoint(vit, tmp_path):
    write_folders(tmp_path / "data")
    out = tmp_path / "run"
    vit.run("vit-train", "--data", tmp_path / "data", "-o", out, *COLOUR, *COLOUR_MODEL)
    before = contents(out)
    go_on = ("--resume", out, "--epochs", 2)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "data/train/blue/2a.png")
    message = error(vit, *go_on, rc=1)
    assert "expected 12 images, found 13" in message and "blue/2a.png" in message
    assert "--allow-dataset-change" in message
    assert contents(out) == before
    (tmp_path / "data/train/blue/2a.png").unlink()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "data/val/red/3.png")
    assert "validation: 12 images" in error(vit, *go_on, rc=1)
    done = vit.run("vit-train", *go_on, "--allow-dataset-change")
    assert "changed" in done.stderr
    (tmp_path / "data/train/green").mkdir()
    (tmp_path / "data/val/green").mkdir()
    for split in ("train", "val"):
        shutil.copy(tmp_path / "data/train/red/1.png", tmp_path / "data" / split / "green/1.png")
    assert "green" in error(vit, "--resume", out, "--epochs", 3, "--allow-dataset-change", rc=1)


def test_goes_on_from_another_folder_with_a_dataset_that_moved(vit, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(data, "here")
    vit.run("vit-train", "--data", "here", "-o", "run", *TINY, "--max-steps", 3)
    assert json.loads((tmp_path / "run/args.json").read_text())["data"] == str(tmp_path / "here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    vit.run("vit-train", "--resume", "../run", "--max-steps", 5)
    shutil.move(tmp_path / "here", tmp_path / "moved")
    vit.run("vit-train", "--resume", "../run", "--data", "../moved")


def test_goes_on_when_the_model_that_it_began_with_is_gone(vit, data, run, tmp_path):
    shutil.copy(run / "last.safetensors", tmp_path / "start.safetensors")
    out = tmp_path / "tuned"
    words = ("--data", data, "--model", tmp_path / "start.safetensors", "-o", out, "--epochs", 2, "--batch-size", 8)
    vit.run("vit-train", *words, "--max-steps", 3)
    (tmp_path / "start.safetensors").unlink()
    vit.run("vit-train", "--resume", out)


def test_epochs_may_be_raised_and_not_lowered_on_resume(vit, run):
    done = vit.run("vit-train", "--resume", run, "--epochs", 4)
    assert "4 epochs instead of 2" in done.stderr
    assert len((run / "summary.csv").read_text().splitlines()) == 5
    assert "--epochs" in error(vit, "--resume", run, "--epochs", 3, rc=2)
    assert "nothing left to train" in vit.run("vit-train", "--resume", run).stderr


def test_ends_with_an_evaluation_and_its_files_at_max_steps(vit, data, tmp_path):
    out = tmp_path / "run"
    done = vit.run("vit-train", "--data", data, "-o", out, *TINY, "--max-steps", 3)
    assert "--max-steps" in done.stderr and "top-1" in done.stderr
    assert (out / "best.safetensors").exists() and (out / "last.safetensors").exists()
    row = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    assert row["step"] == 3 and "eval_top1" in row
    again = vit.run("vit-infer", "-m", out / "last.safetensors", "--validate", data, "--format", "json", "-q")
    assert json.loads(again.stdout)["top1"] == pytest.approx(row["eval_top1"])


def test_trains_a_small_dataset_with_the_default_batch_size(vit, tmp_path):
    write_folders(tmp_path / "data")
    out = tmp_path / "run"
    done = vit.run("vit-train", "--data", tmp_path / "data", "-o", out, "--epochs", 1, *COLOUR_MODEL)
    assert "batch size 12 instead of 128" in done.stderr
    assert json.loads((out / "args.json").read_text())["batch_size"] == 12
    vit.run("vit-train", "--data", tmp_path / "data", "-o", out, "--epochs", 2, *COLOUR_MODEL, "--resume", "auto")
    error(vit, "--data", tmp_path / "data", "-o", tmp_path / "other", *COLOUR_MODEL, "--batch-size", 128, rc=2)


def test_refuses_to_be_one_of_several_processes(vit, data, tmp_path):
    message = error(vit, "--data", data, "-o", tmp_path / "run", *TINY, rc=5, env={"WORLD_SIZE": "2", "RANK": "0"})
    assert "WORLD_SIZE" in message
    assert not (tmp_path / "run").exists()
    vit.run("vit-train", "--data", data, "-o", tmp_path / "run", *TINY, "--max-steps", 1, env={"WORLD_SIZE": "1"})


def test_takes_names_in_any_bytes(vit, tmp_path):
    base = os.fsencode(tmp_path)
    write_folders(tmp_path / "data")
    for split in (b"train", b"val"):
        os.rename(base + b"/data/" + split + b"/red", base + b"/data/" + split + b"/r\xe9d")
    os.rename(base + b"/data", base + b"/d\xe4ta")
    data, out = os.fsdecode(base + b"/d\xe4ta"), os.fsdecode(base + b"/r\xfcn")
    vit.run("vit-train", "--data", data, "-o", out, *COLOUR, *COLOUR_MODEL)
    assert json.loads(pathlib.Path(out, "args.json").read_text())["data"].endswith("d\\xe4ta")
    shutil.copy(os.path.join(out, "last.safetensors"), tmp_path / "last.safetensors")  # safetensors reads UTF-8 names
    with safe_open(tmp_path / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["vit.config"])["labels"] == ["blue", "r\\xe9d"]
    vit.run("vit-train", "--resume", out, "--epochs", 2)
    labels = ("--label", "a", os.fsdecode(b"b\xff"))
    plan = json.loads(vit.run("vit-train", "--data", data, *COLOUR, *labels, *COLOUR_MODEL, "--dry-run").stdout)
    assert plan["model"]["labels"] == ["a", "b\\xff"]


@pytest.fixture(scope="module")
def tuned_from(vit, tmp_path_factory):
    """A model of the classes a, b, c."""
    folder = tmp_path_factory.mktemp("names")
    write_folders(folder / "data", ("a", "b", "c"))
    vit.run("vit-train", "--data", folder / "data", "-o", folder / "run", *COLOUR, *COLOUR_MODEL)
    return folder / "run/last.safetensors"


@pytest.mark.parametrize("labels, says, rows", [
    (["a", "b", "c"], "kept: the same 3 class names", [0, 1, 2]),
    (["c", "a", "b"], "rows in the dataset's order", [2, 0, 1]),
    (["a", "b", "d"], "new, drawn at random: 3 classes as before, but with other names", None)])
def test_class_names_decide_what_becomes_of_the_head(vit, tuned_from, tmp_path, labels, says, rows):
    write_folders(tmp_path / "data", ("x", "y", "z"))
    done = vit.run("vit-train", "--data", tmp_path / "data", "--model", tuned_from, "-o", tmp_path / "run", *COLOUR,
                   "--lr", 0, "--label", *labels)
    assert says in done.stderr
    before, after = load_file(tuned_from), load_file(tmp_path / "run/last.safetensors")
    for name in ("head.weight", "head.bias"):
        assert after[name].shape == before[name].shape
        if rows:
            assert torch.equal(after[name], before[name][rows])
    if not rows:
        assert not torch.equal(after["head.weight"], before["head.weight"])


@pytest.mark.parametrize("labels, says", [(["x", ""], "an empty one"), (["x"], "expected 2 names, one a class, found 1")])
def test_refuses_class_names_that_are_empty_or_too_few(vit, tmp_path, labels, says):
    write_folders(tmp_path / "data", ("a", "b"))
    done = vit.run("vit-train", "--data", tmp_path / "data", "-o", tmp_path / "run", *COLOUR, *COLOUR_MODEL, "--label",
                   *labels, rc=2)
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("vit-train: error: --label: ")
    assert says in done.stderr


def test_refuses_model_arguments_that_would_drop_part_of_a_file(vit, data, finished, tmp_path):
    message = error(vit, "--data", data, "--model", finished / "last.safetensors", "-o", tmp_path / "run", *TINY[:-len(MODEL)],
                    "depth=1", rc=1)
    assert "block.1." in message and "without a place" in message


@pytest.mark.parametrize("words, flag", [
    (["--opt-betas", "0.9", "1.0"], "--opt-betas"), (["--opt-eps", "0"], "--opt-eps"), (["--ema", "1"], "--ema"),
    (["--reprob", "1.5"], "--reprob"), (["--remode", "x"], "--remode"), (["--crop-mode", "x"], "--crop-mode"),
    (["--scale", "0.5", "0.1"], "--scale"), (["--std", "0"], "--std"), (["--mean", "1", "2"], "--mean"),
    (["--train-interpolation", "x"], "--train-interpolation"), (["--recount", "0"], "--recount"),
    (["--clip-grad", "0"], "--clip-grad"), (["--img-size", "0"], "--img-size"), (["--label", "a"], "--label"),
    (["--batch-size", "41"], "--batch-size"), (["--accum", "41"], "--accum"), (["--model-arg", "depth"], "--model-arg")])
def test_a_dry_run_refuses_what_a_run_refuses_and_names_the_flag(vit, data, tmp_path, words, flag):
    given = ("--data", data, *TINY, *words)
    assert flag in error(vit, *given, "--dry-run", rc=2)
    assert flag in error(vit, *given, "-o", tmp_path / "run", rc=2)
    assert not (tmp_path / "run").exists()


def test_a_model_that_cannot_be_names_what_was_given(vit, data, tmp_path):
    given = ("--data", data, "--epochs", 1, "--batch-size", 8, "--device", "cpu", "--dry-run")
    assert error(vit, *given, "--model-arg", "depth=0", rc=2).startswith("vit-train: error: --model-arg: 'depth': ")
    assert error(vit, *given, "--img-size", 30, rc=2).startswith("vit-train: error: the model: 'patch_size': ")


def test_a_dry_run_needs_no_output_and_takes_any_model(vit, data, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = vit.run("vit-train", "--data", data, *TINY, "pos_embed=none", "--dry-run")
    plan = json.loads(done.stdout)
    assert plan["memory_bytes"] > 0 and plan["total_steps"] == 10
    assert list(tmp_path.iterdir()) == []


def test_advises_only_what_it_has(vit, data, tmp_path):
    torch.save({"head.weight": torch.zeros(3, 4)}, tmp_path / "weights.pt")
    message = error(vit, "--data", data, "--model", tmp_path / "weights.pt", "-o", tmp_path / "run", rc=2)
    assert "--arch" in message and "--config" not in message


def test_none_turns_off_what_a_recipe_turns_on(vit, data):
    done = vit.run("vit-train", "--data", data, "--recipe", "fashion-mnist", "--clip-grad", "none", "--batch-size", 8,
                   "--model-arg", "img_size=12", "--dry-run")
    assert json.loads(done.stdout)["options"]["clip_grad"] is None


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(vit, data, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(["nohup", BIN / "vit-train", *map(str, ("--data", data, "-o", out, *TINY, "--epochs", 30))],
                               stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for(process, lambda: (out / "last.safetensors").exists())
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "epoch 30/30" in errors


def test_goes_on_when_nobody_reads_its_log(vit, data, tmp_path):
    out = tmp_path / "run"
    process = start("--data", data, "-o", out, *TINY)
    process.stderr.close()
    process.stdout.close()
    assert process.wait() == 0
    assert (out / "checkpoints/step-10").exists()


def test_verbose_names_what_was_chosen(vit, data, finished, tmp_path):
    done = vit.run("vit-train", "--data", data, "--model", finished / "last.safetensors", "-o", tmp_path / "run", "-v",
                   "--epochs", 1, "--batch-size", 8, "--threads", 1, "--device", "cpu")
    for words in ("device cpu, 1 threads", f"{finished}/last.safetensors: read", f"{data}: 40 images",
                  f"checkpoint {tmp_path}/run/checkpoints/step-5 written"):
        assert words in done.stderr


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_says_that_the_run_folder_cannot_be_one(vit, data, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    for force in ([], ["--force"]):
        error(vit, "--data", data, "-o", tmp_path / name, *TINY, *force, rc=4)
    assert (tmp_path / "file").read_text() == "mine"
