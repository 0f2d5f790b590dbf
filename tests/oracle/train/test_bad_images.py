"""Images that cannot be read, while a run goes on: replaced or left out, counted, bounded."""

import json
import shutil

from conftest import log_rows
from test_train import write_folders

SMALL = ("img_size=16", "patch_size=8", "embed_dim=16", "depth=1", "num_heads=2")


def spoil(folder, count):
    """The first `count` images of a class that `write_many` wrote, cut short."""
    for i in range(count):
        (folder / f"train/red/{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")


def write_many(folder, count=150):
    """As write_folders, with `count` images a class to train on and 6 to validate on."""
    write_folders(folder)
    for name in ("blue", "red"):
        for i in range(6, count):
            shutil.copy(folder / "train" / name / f"{i % 6}.png", folder / "train" / name / f"{i}.png")


def test_bad_images_are_replaced_and_counted_and_a_resumed_run_is_the_same(vit, tmp_path):
    write_many(tmp_path / "data")
    spoil(tmp_path / "data", 2)
    words = ["--data", tmp_path / "data", "--epochs", 2, "--batch-size", 10, "--threads", 1, "--model-arg", *SMALL]
    whole = vit.run("vit-train", *words, "-o", tmp_path / "whole")
    assert "train/red/0.png: " in whole.stderr and "another image takes its place" in whole.stderr
    bad = log_rows(tmp_path / "whole", "bad_image")
    assert [row["epoch"] for row in bad] == [1, 1, 2, 2]
    assert all("red/" in row["file"] and row["error"] for row in bad)
    assert [row["bad_images"] for row in log_rows(tmp_path / "whole", "epoch")] == [2, 2]

    # Between the two bad images of the first epoch: the count goes on, and so do the bits.
    steps = [row["step"] for row in bad[:2]]
    assert steps[0] < steps[1], "the seed puts them into one batch: choose another"
    vit.run("vit-train", *words, "-o", tmp_path / "parts", "--max-steps", steps[0], "--workers", 0)
    # As if the run had gone on to the second and been killed before it was checkpointed.
    with open(tmp_path / "parts/log.jsonl", "a") as log:
        log.write(json.dumps(bad[1]) + "\n")
    vit.run("vit-train", "--resume", tmp_path / "parts", "--max-steps", 0)
    assert (tmp_path / "parts/last.safetensors").read_bytes() == (tmp_path / "whole/last.safetensors").read_bytes()
    assert log_rows(tmp_path / "parts", "bad_image") == bad
    assert [row["bad_images"] for row in log_rows(tmp_path / "parts", "epoch")] == [2, 2]


def test_too_many_bad_images_end_the_run(vit, tmp_path):
    write_many(tmp_path / "data")
    spoil(tmp_path / "data", 4)
    done = vit.run("vit-train", "--data", tmp_path / "data", "--epochs", 1, "--batch-size", 10, "-o", tmp_path / "run",
                   "--model-arg", *SMALL, rc=1)
    says = done.stderr.splitlines()[-1]
    assert "4 of 300 images are bad, more than 1 %, the last: " in says and "train/red/" in says


def test_twenty_bad_images_in_a_row_end_the_run(vit, tmp_path):
    # Few among many, so that it is not their share that ends the run.
    write_many(tmp_path / "data", 1200)
    spoil(tmp_path / "data", 22)
    done = vit.run("vit-train", "--data", tmp_path / "data", "--epochs", 1, "--batch-size", 10, "-o", tmp_path / "run",
                   "--model-arg", *SMALL, rc=1)
    assert "20 images in a row are bad, the last: " in done.stderr.splitlines()[-1]


def test_bad_images_to_validate_on_are_left_out_and_counted(vit, tmp_path):
    write_many(tmp_path / "data", 20)
    for i in range(6, 120):
        shutil.copy(tmp_path / "data/val/red/0.png", tmp_path / f"data/val/red/{i}.png")
    words = ["--data", tmp_path / "data", "--epochs", 1, "--batch-size", 10, "-o", tmp_path / "run", "--force",
             "--model-arg", *SMALL]
    (tmp_path / "data/val/red/9.png").write_bytes(b"no image")
    done = vit.run("vit-train", *words)
    assert "bad images not evaluated: 1, the first: " in done.stderr and "red/9.png" in done.stderr
    assert [row["eval_bad_images"] for row in log_rows(tmp_path / "run", "epoch")] == [1]
    for name in ("7", "8"):
        (tmp_path / f"data/val/red/{name}.png").write_bytes(b"no image")
    done = vit.run("vit-train", *words, rc=1)
    assert "3 of 126 images to validate on are bad, more than 1 %, the first: " in done.stderr.splitlines()[-1]
