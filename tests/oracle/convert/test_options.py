"""What vit-convert's options promise: no input is ever lost, nothing that was asked for is left out without a word."""

import json
import os
import shutil

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from conftest import random_model, stored_config

ARCHITECTURE = "vit_tiny_patch16_224"
SMALL = dict(img_size=32, embed_dim=24, depth=2, num_heads=3, num_classes=4)


@pytest.fixture(scope="module")
def model():
    return random_model(ARCHITECTURE, **SMALL)


@pytest.fixture(scope="module")
def originals(tmp_path_factory, model, vit):
    """Weights in several forms, a configuration, labels, a native model file, and beside them timm's folder of it."""
    root = tmp_path_factory.mktemp("originals")
    files, state = root / "files", model.state_dict()
    files.mkdir()
    save_file(state, files / "weights.safetensors")
    torch.save({"epoch": 3, "model_state_dict": state}, files / "run.pt")
    save_file({f"encoder.vit.{name}": value for name, value in state.items()}, files / "prefixed.safetensors")
    (files / "config.json").write_text(json.dumps({"architecture": ARCHITECTURE, "model_args": SMALL}))
    (files / "labels.txt").write_text("a\nb\nc\nd\n")
    vit.convert(files / "weights.safetensors", files / "model.safetensors", "--config", files / "config.json")
    vit.convert(files / "model.safetensors", root / "hub", "--to", "timm")
    return root


@pytest.fixture
def files(tmp_path, originals):
    """A test's own copy of the files."""
    return shutil.copytree(originals / "files", tmp_path, dirs_exist_ok=True)


@pytest.fixture
def hub(files, originals):
    """A test's own copy of timm's folder, among the files."""
    return shutil.copytree(originals / "hub", files / "hub")


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reference(files, model):
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        save_file({"input": images, "output": model(images)}, files / "ref.safetensors")
    return files / "ref.safetensors"


def names_of(path):
    """The ways in which a file can be named besides its own."""
    link, hard = path.with_suffix(".link"), path.with_suffix(".hard")
    link.symlink_to(path.name)
    os.link(path, hard)
    return [path, link, hard, path.parent / "." / ".." / path.parent.name / path.name]


VICTIMS = ["weights.safetensors", "config.json", "labels.txt", "ref.safetensors"]


@pytest.mark.parametrize("victim", VICTIMS)
def test_no_output_is_an_input_by_whatever_name(victim, files, model, vit):
    ref = reference(files, model)
    others = ["--config", files / "config.json", "--labels", files / "labels.txt", "--verify", ref, "--force"]
    names = names_of(files / victim)
    before = snapshot(files)
    # Each name of each victim, each output of each victim, each name as each output.
    for number, name in enumerate(names, start=VICTIMS.index(victim)):
        outputs = [name] if number % 2 else [files / "new.safetensors", "--report", name]
        done = vit.convert(files / "weights.safetensors", *outputs, *others, rc=2)
        assert "the output is also an input" in done.stderr
    assert snapshot(files) == before


def test_the_report_is_not_the_output(files, vit):
    (files / "sub").mkdir()
    before = snapshot(files)
    for output in ("new.safetensors", "sub/../new.safetensors"):
        done = vit.convert(files / "model.safetensors", files / "new.safetensors", "--report", files / output,
                           "--force", rc=2)
        assert "also another output" in done.stderr
    for name in ("config.json", "model.safetensors"):
        done = vit.convert(files / "model.safetensors", files / "folder", "--to", "timm", "--report",
                           files / "folder" / name, rc=2)
        assert "also another output" in done.stderr
    vit.convert(files / "model.safetensors", files / "new.safetensors", "--report", files / "none/r.json", rc=4)
    assert snapshot(files) == before


def test_a_folder_as_input_and_each_file_in_it_are_inputs(files, hub, vit):
    (hub / "README.md").write_text("mine")
    before = snapshot(files)
    for output in (hub / "model.safetensors", hub / "config.json", hub / "README.md"):
        assert "also an input" in vit.convert(hub, output, "--force", rc=2).stderr
    assert "also an input" in vit.convert(hub, hub, "--to", "timm", "--force", rc=2).stderr
    assert "also an input" in vit.convert(hub / "model.safetensors", hub, "--to", "timm", "--force", "--config",
                                          hub / "config.json", rc=2).stderr
    assert snapshot(files) == before


def test_no_output_lies_among_the_images_of_the_calibration(files, vit):
    from PIL import Image

    (files / "images").mkdir()
    Image.new("RGB", (40, 40), (9, 99, 199)).save(files / "images/a.png")
    before = snapshot(files)
    for output in ("images/a.png", "images/new.safetensors"):
        vit.convert(files / "model.safetensors", files / output, "--dtype", "int8", "--calibrate", files / "images",
                    "--force", rc=2)
    assert snapshot(files) == before


def test_forcing_a_timm_folder_keeps_the_other_files_in_it(files, hub, vit):
    (hub / "README.md").write_text("mine")
    (hub / "logs/deep").mkdir(parents=True)
    (hub / "logs/deep/a.txt").write_text("mine too")
    assert "--force" in vit.convert(files / "model.safetensors", hub, "--to", "timm", rc=4).stderr
    vit.convert(files / "model.safetensors", hub, "--to", "timm", "--force", "--num-classes", "7")
    assert timm.create_model(f"local-dir:{hub}", pretrained=True).num_classes == 7
    assert (hub / "README.md").read_text() == "mine"
    assert (hub / "logs/deep/a.txt").read_text() == "mine too"
    assert not [path for path in files.iterdir() if path.name.startswith("hub.")]


def test_forcing_a_timm_folder_that_fails_half_way_changes_nothing(files, hub, vit):
    damaged = dict(load_file(files / "model.safetensors"))
    damaged["head.weight"] = damaged["head.weight"] * 1e30  # does not fit float16: seen while writing
    config = files / "native.json"
    config.write_text(json.dumps(stored_config(files / "model.safetensors")))
    save_file(damaged, files / "damaged.safetensors")
    before = snapshot(files)
    vit.convert(files / "damaged.safetensors", hub, "--config", config, "--to", "timm", "--dtype", "fp16", "--force", rc=1)
    assert snapshot(files) == before


def test_a_mean_has_a_value_for_each_channel(files, vit):
    for option in ("--mean", "--std"):
        for values in ("1,2", "1,2,3,4"):
            done = vit.convert(files / "model.safetensors", files / "n.safetensors", option, values, rc=2)
            assert option.strip("-") in done.stderr and "3" in done.stderr
    assert "positive" in vit.convert(files / "model.safetensors", files / "n.safetensors", "--std", "0", rc=2).stderr
    vit.convert(files / "model.safetensors", files / "n.safetensors", "--mean", "0.25", "--std", "1,2,3")
    assert stored_config(files / "n.safetensors")["preprocessing"]["mean"] == [0.25] * 3


def test_no_crc_check_is_meant_for_npz_too(files, model, vit):
    state = {name.replace("blocks.", "block."): value.numpy() for name, value in model.state_dict().items()}
    np.savez(files / "a.npz", **state)
    data = bytearray((files / "a.npz").read_bytes())
    at = data.find(state["head.weight"].tobytes())
    data[at + 2] ^= 1
    (files / "a.npz").write_bytes(data)
    options = ["--config", files / "config.json"]
    assert "--no-crc-check" in vit.convert(files / "a.npz", files / "n.safetensors", *options, rc=1).stderr
    vit.convert(files / "a.npz", files / "n.safetensors", *options, "--no-crc-check")
    assert (load_file(files / "n.safetensors")["head.weight"] != model.head.weight).sum() == 1


def test_a_tensor_without_a_name_is_not_forgotten(files, model, vit):
    save_file({**model.state_dict(), "": torch.zeros(1)}, files / "odd.safetensors")
    options = ["--config", files / "config.json"]
    assert "1 unexpected ('')" in vit.convert(files / "odd.safetensors", files / "n.safetensors", *options, rc=1).stderr
    vit.convert(files / "odd.safetensors", files / "n.safetensors", *options, "--drop-unused", "--report",
                files / "report.json")
    assert json.loads((files / "report.json").read_text())["dropped"] == [""]


def test_what_would_not_be_done_is_not_accepted(files, model, vit):
    ref = reference(files, model)
    for options in (["--inspect", "--verify", ref], [files / "out.safetensors", "--inspect"],
                    ["--inspect", "--report", files / "r.json"], ["--verify", ref, "--report", files / "r.json"],
                    [files / "out.safetensors", "--atol", "1"], [files / "out.safetensors", "--calibrate", files]):
        vit.convert(files / "model.safetensors", *options, rc=2)
    assert not (files / "out.safetensors").exists() and not (files / "r.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_an_error(files, vit):
    for device in ("cuda", "cuda:3", "tpu"):
        vit.convert(files / "model.safetensors", files / "out.safetensors", "--device", device, rc=2)
    assert not (files / "out.safetensors").exists()


def test_an_entry_of_another_name_is_hinted_at(files, vit, model):
    options = ["--config", files / "config.json"]
    done = vit.convert(files / "run.pt", files / "n.safetensors", *options, rc=1)
    assert "--state-key model_state_dict" in done.stderr
    vit.convert(files / "run.pt", files / "n.safetensors", *options, "--state-key", "model_state_dict")
    assert torch.equal(load_file(files / "n.safetensors")["head.weight"], model.head.weight)


def test_a_foreign_prefix_is_hinted_at_and_can_be_removed(files, vit, model):
    options = ["--config", files / "config.json"]
    done = vit.convert(files / "prefixed.safetensors", files / "n.safetensors", *options, rc=1)
    assert "--strip-prefix encoder.vit. " in done.stderr
    for prefix in ("encoder.vit.", "encoder.vit"):
        vit.convert(files / "prefixed.safetensors", files / "n.safetensors", *options, "--strip-prefix", prefix)
        found = load_file(files / "n.safetensors")
        for name, value in model.state_dict().items():
            assert torch.equal(found[name.replace("blocks.", "block.")], value)
        (files / "n.safetensors").unlink()
    done = vit.convert(files / "weights.safetensors", files / "m.safetensors", *options, "--strip-prefix", prefix, rc=1)
    assert "begin with" in done.stderr


def test_a_prefix_behind_a_wrapper_is_removed_with_it(files, vit, model):
    torch.save({"state_dict": {"module.backbone." + k: v for k, v in model.state_dict().items()}}, files / "ddp.pt")
    vit.convert(files / "ddp.pt", files / "n.safetensors", "--config", files / "config.json", "--strip-prefix",
                "backbone.")
    assert torch.equal(load_file(files / "n.safetensors")["norm.weight"], model.norm.weight)


def test_verbose_names_what_was_chosen(files, vit):
    torch.save({"model": torch.load(files / "run.pt")["model_state_dict"]}, files / "a.pt")
    done = vit.convert(files / "a.pt", files / "n.safetensors", "--config", files / "config.json", "--img-size", "64",
                       "-v")
    for text in ("a.pt: torch", "under 'model'", "'timm'", "config.json: " + ARCHITECTURE, "resampled from 2 × 2 to 4"):
        assert text in done.stderr, text


def test_paths_may_be_any_bytes(files, vit, model):
    folder = os.fsencode(files) + b"/caf\xe9"
    os.mkdir(folder)
    source, out, report, labels = (os.path.join(folder, name) for name in (b"in\xff.safetensors", b"o\xfe.safetensors",
                                                                           b"r\xfd.json", b"l\xfc.txt"))
    shutil.copy(files / "model.safetensors", source)
    shutil.copy(files / "labels.txt", labels)
    arguments = [os.fsdecode(part) for part in (source, out)]
    vit.convert(*arguments, "--report", os.fsdecode(report), "--labels", os.fsdecode(labels))
    assert "\\xff" in json.loads(open(report).read())["input"]
    done = vit.convert(os.fsdecode(out), "--inspect", "--format", "json")
    assert "\\xfe" in json.loads(done.stdout)["file"]
    missing = vit.convert(os.fsdecode(out) + "\udcff", "--inspect", rc=4)
    assert "\\xff" in missing.stderr and missing.stderr.count("\n") == 1


def test_too_few_labels_name_their_file(vit, files, tmp_path):
    (tmp_path / "short.txt").write_text("a\nb\n")
    done = vit.convert(files / "model.safetensors", tmp_path / "out.safetensors", "--labels", tmp_path / "short.txt", rc=1)
    assert done.stderr == f"vit-convert: error: {tmp_path}/short.txt: expected 4 class names, one a line, found 2\n"
    assert not (tmp_path / "out.safetensors").exists()
