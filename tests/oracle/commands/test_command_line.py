"""The three command lines: lists, options given twice, what is printed where nothing can be printed."""

import json
import os
import subprocess

import numpy as np
import pytest

from conftest import BIN, ROOT, stored_config
from training_loop import write_idx

MODEL = ROOT / "weights/vit_fashion_mnist.safetensors"
EXAMPLE = ROOT / "weights/examples/trouser.png"
COMMANDS = ["vit-convert", "vit-infer", "vit-train"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A dataset of twenty images for training and as many for validation."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((20, 28, 28), np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 10)
    return folder


@pytest.mark.parametrize("mean", [["0.25,0.5,0.75"], ["0.25", "0.5", "0.75"], ["0.25,", "0.5,", "0.75"]])
def test_a_list_is_separated_by_commas_or_spaces(vit, tmp_path, mean):
    source = ROOT / "tests/golden/timm/vit_tiny_cut.pt"
    config = ROOT / "tests/golden/timm/vit_tiny_cut.json"
    vit.convert(source, "--config", config, "--mean", *mean, tmp_path / "out.safetensors")
    assert stored_config(tmp_path / "out.safetensors")["preprocessing"]["mean"] == [0.25, 0.5, 0.75]


def test_a_list_does_not_swallow_the_positional_behind_it(vit, tmp_path):
    out = tmp_path / "out.safetensors"
    vit.convert(MODEL, "--img-size", "32", out)
    vit.convert(MODEL, "--img-size", "32", "28", out, "--force")
    assert stored_config(out)["model"]["img_size"] == [32, 28]


def test_a_list_with_too_many_or_wrong_values_names_the_flag_once(vit):
    done = vit.convert(MODEL, "out.safetensors", "--img-size", "1,2,3", rc=2)
    assert done.stderr == "vit-convert: error: --img-size: expected 1 to 2 values, found 3\n"
    done = vit.convert(MODEL, "out.safetensors", "--mean", "grey", rc=2)
    assert done.stderr == "vit-convert: error: --mean: expected numbers from -1e+06 to 1e+06, found 'grey'\n"


def test_an_option_given_twice_takes_its_last_value(vit, tmp_path):
    done = vit.run("vit-infer", "-m", MODEL, EXAMPLE, "--topk", "3", "--topk", "1", "--format", "csv", "--format", "jsonl")
    assert len(json.loads(done.stdout)["topk"]) == 1
    out = tmp_path / "out.safetensors"
    vit.convert(MODEL, out, "--mean", "0.1", "--mean", "0.2", "--img-size", "56", "--img-size", "28")
    assert stored_config(out)["preprocessing"]["mean"] == [0.2]


def test_model_arguments_given_twice_add_up(vit, data):
    done = vit.run("vit-train", "--data", data, "--dry-run", "--model-arg", "depth=2",
                   "embed_dim=64", "--model-arg", "num_heads=2", "-o", "unused")
    assert json.loads(done.stdout)["options"]["model_args"] == ["depth=2", "embed_dim=64", "num_heads=2"]


@pytest.mark.parametrize("arguments, value", [(["0.9", "0.95"], [0.9, 0.95]), (["0.9,0.95"], [0.9, 0.95])])
def test_vit_train_takes_lists_in_the_same_forms(vit, data, arguments, value):
    done = vit.run("vit-train", "--data", data, "--dry-run", "--recipe", "fashion-mnist",
                   "--opt-betas", *arguments, "-o", "unused")
    assert json.loads(done.stdout)["options"]["opt_betas"] == value


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("form", [["--list-models", "vit_tiny_patch16_*"], ["--list-models=vit_tiny_patch16_*"]])
def test_list_models_takes_a_pattern(vit, name, form):
    names = vit.run(name, *form).stdout.split()
    assert "vit_tiny_patch16_224" in names and all(n.startswith("vit_tiny_patch16_") for n in names)


@pytest.mark.parametrize("name", COMMANDS)
def test_list_models_without_a_pattern_lists_all(vit, name):
    assert len(vit.run(name, "--list-models").stdout.split()) >= 179


def test_a_message_names_its_flag_once(vit):
    done = vit.run("vit-infer", "-m", MODEL, EXAMPLE, "--topk", "nan", rc=2)
    assert done.stderr == "vit-infer: error: --topk: expected a whole number from 1 to 1e+09, found 'nan'\n"


@pytest.mark.parametrize("command, words, code, says", [
    ("vit-train", ["--lr", "-1"], 2, "--lr: expected a number from 0 to 1e+06, found '-1'"),
    ("vit-train", ["--opt", "adamx"], 2, "--opt: expected adamw, lamb, lion, momentum, muon or sgd, found 'adamx'"),
    ("vit-train", ["--keep", "1"], 2, "--keep: expected a whole number from 2 to 1e+09, found '1'"),
    ("vit-infer", ["-m", MODEL, EXAMPLE, "--format", "yaml"], 2,
     "--format: expected text, csv, json, jsonl or npy, found 'yaml'"),
    ("vit-infer", ["-m", MODEL, EXAMPLE, "--features", "all"], 2,
     "--features: expected cls, mean, tokens, pooled or layer:N, found 'all'"),
    ("vit-infer", ["-m", MODEL, EXAMPLE, "--device", "tpu"], 2,
     "--device: expected auto, cpu, cuda or cuda:N, found 'tpu'"),
    ("vit-convert", [MODEL, MODEL.with_name("README.md")], 4, f"{MODEL.with_name('README.md')}: exists already "
     "(--force replaces it)"),
    ("vit-convert", [MODEL, "folder", "--to", "timm", "--dtype", "int8"], 2,
     "--dtype int8: timm has no form for it; --to native has"),
    ("vit-convert", [ROOT / "tests/golden/timm/vit_tiny_cut.pt", "out.safetensors"], 2, "give --arch or --config"),
    ("vit-convert", [MODEL, "out.pt"], 2, "OUTPUT: expected a name in .safetensors, which is what is written, found 'out.pt'"),
])
def test_errors_of_the_library_name_flags(vit, tmp_path, command, words, code, says):
    done = vit.run(command, *words, rc=code, cwd=tmp_path)
    assert done.stderr.startswith(f"{command}: error: ") and done.stderr.endswith(f"{says}\n")


@pytest.mark.parametrize("command, words, flag", [
    ("vit-infer", ["-m", MODEL, EXAMPLE, "-o"], "--output"), ("vit-infer", ["-m", MODEL, EXAMPLE, "--html"], "--html"),
    ("vit-infer", ["-m", MODEL, EXAMPLE, "--attention"], "--attention"), ("vit-infer", [EXAMPLE, "-m"], "--model"),
    ("vit-infer", ["-m", MODEL, EXAMPLE, "--validate", "--confusion"], "--confusion"),
    ("vit-convert", [MODEL, "out.safetensors", "--report"], "--report"), ("vit-convert", [MODEL, "--verify"], "--verify"),
    ("vit-train", ["--data", "/usr/share/datasets/fashion-mnist", "-o"], "--output"),
    ("vit-train", ["--resume", "--output"], "--output"), ("vit-train", ["--resume"], "--resume"),
    ("vit-train", ["--model"], "--model"), ("vit-train", ["--class-weights"], "--class-weights"),
])
def test_an_empty_path_is_no_path(vit, tmp_path, command, words, flag):
    forms = [[*words, ""]] + ([[*words[:-1], "--resume="]] if flag == "--resume" else [])
    for form in forms:
        done = vit.run(command, *form, rc=2, cwd=tmp_path)
        assert done.stderr.splitlines()[0] == f"{command}: error: {flag}: expected a path, found none"
    assert not list(tmp_path.iterdir())


def test_an_empty_word_is_not_a_flag_alone(vit, tmp_path):
    done = vit.run("vit-train", "--data", "/usr/share/datasets/fashion-mnist", "--amp", "", "--dry-run", rc=2, cwd=tmp_path)
    assert done.stderr.splitlines()[0].startswith("vit-train: error: --amp: expected ") and "found ''" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_flags_and_no_fields(vit, name):
    shown = vit.run(name, "--help").stdout
    assert "`" not in shown and "_" not in "".join(line.split("  ")[1] for line in shown.splitlines()
                                                   if line.startswith("  -"))


PRINTING = [
    ["vit-convert", "--help"], ["vit-infer", "--version"], ["vit-train", "--help"], ["vit-convert", "--list-models"],
    ["vit-convert", MODEL, "--inspect"], ["vit-convert", MODEL, "--inspect", "--format", "json"],
    ["vit-infer", "-m", MODEL, EXAMPLE], ["vit-infer", "-m", MODEL, EXAMPLE, "--format", "npy"],
    ["vit-train", "--data", "DATA", "--recipe", "fashion-mnist", "--dry-run", "-o", "unused"],
]


@pytest.mark.parametrize("command", PRINTING, ids=lambda c: " ".join(map(str, c)))
def test_a_full_standard_output_is_an_error(vit, data, command):
    words = [data if word == "DATA" else word for word in command[1:]]
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN / command[0], *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 4, done.stderr
    assert f"{command[0]}: error: standard output: cannot be written" in done.stderr


@pytest.mark.parametrize("command", [PRINTING[0], PRINTING[4], PRINTING[6]], ids=lambda c: " ".join(map(str, c)))
def test_a_closed_standard_output_is_an_error(vit, command):
    done = subprocess.run([BIN / command[0], *command[1:]], stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.close(1))
    assert done.returncode == 4, done.stderr


def test_nothing_that_is_printed_ends_up_in_an_output_opened_on_a_closed_number(vit, tmp_path):
    out = tmp_path / "out.safetensors"
    done = subprocess.run([BIN / "vit-convert", MODEL, out], preexec_fn=lambda: [os.close(n) for n in (0, 1, 2)])
    assert done.returncode == 0
    vit.convert(out, "--inspect")


def test_a_reader_that_leaves_is_no_error(vit):
    done = subprocess.run(f"{BIN}/vit-infer -m {MODEL} {ROOT}/weights/examples | head -n 1; exit ${{PIPESTATUS[0]}}",
                          shell=True, executable="/bin/bash", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
