"""--tensorboard: TensorBoard's own reader finds in the event file what log.jsonl has."""

import json

import pytest
from tensorboard.backend.event_processing import event_file_loader as event_file

from test_train import arguments, data  # noqa: F401



def read(folder):
    """{(tag, step): value}"""
    (path,) = folder.glob("events.out.tfevents.*")
    found = {}
    for event in event_file.RawEventFileLoader(str(path)).Load():
        message = event_file.event_pb2.Event.FromString(event)
        for value in message.summary.value:
            found[value.tag, message.step] = value.simple_value
    return found


def expected(folder):
    tags = {"step": {"loss": "train/loss", "lr": "train/lr", "images_per_second": "train/images_per_second",
                     "waiting": "train/waiting"},
            "epoch": {"train_loss": "epoch/train_loss", "eval_loss": "eval/loss", "eval_top1": "eval/top1",
                      "eval_top5": "eval/top5"}}
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {(tag, row["step"]): row[key] for row in rows for key, tag in tags[row["event"]].items()}


def test_tensorboard_reads_what_the_log_has_also_of_a_resumed_run_and_force_removes_it(vit, data, tmp_path):  # noqa: F811
    out = tmp_path / "run"
    vit.run("vit-train", *arguments(data, out, "--tensorboard", "--log-every", 2, "--max-steps", 15))
    assert read(out) == pytest.approx(expected(out), rel=1e-6)  # float32 in the event file
    vit.run("vit-train", "--resume", out)
    assert read(out) == pytest.approx(expected(out), rel=1e-6)
    assert ("eval/top1", 48) in read(out)
    # A run without it has no event file.
    vit.run("vit-train", *arguments(data, out, "--force", "--max-steps", 1))
    assert not list(out.glob("events*"))
