"""vit-infer beside timm: logits, classes, features, attention; rows in every format; how runs end."""

import copy
import csv
import functools
import io
import json
import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from timm.models import save_for_hf

from conftest import BIN, assert_close, random_model
from images import installed_photographs, photograph, write_modes

# Other tests run beside these: threads that spin would wait for each other's turns.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# float32 sums in another order.
LOGITS = 1e-5
MODELS = {
    "tiny": ("vit_tiny_patch16_224", dict(depth=3)),
    "small": ("vit_small_patch32_224", dict(depth=2)),
    "deit": ("deit_tiny_distilled_patch16_224", dict(depth=2)),
    "clip": ("vit_base_patch32_clip_224", dict(depth=1)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three classes of images: a/, b/ and c/."""
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate("aaabbbbcc"):
        (root / name).mkdir(exist_ok=True)
        photograph(50 + 10 * number, 90 - 5 * number, number).save(root / name / f"{number}.png")
    return root


def make(root, name="tiny", **changes):
    architecture, arguments = MODELS[name]
    arguments = {**arguments, **changes}
    model = random_model(architecture, **arguments, seed=3)
    save_for_hf(model, root, safe_serialization=True, model_args=arguments)
    return model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny") / "model"
    return make(root, num_classes=3), root


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The models with their own heads, each made when it is first asked for: name -> (model, folder)."""
    @functools.cache
    def made(name):
        root = tmp_path_factory.mktemp(name) / "model"
        return make(root, name), root
    return made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of every mode and some photographs; test_preprocessing takes all, and long lines too, bit for bit."""
    paths = write_modes(tmp_path_factory.mktemp("pictures")) + installed_photographs()[:6]
    paths = [path for path in paths if path.stem not in ("size1x500", "size500x1")]
    return paths, opened(paths)


def infer(vit, model, *arguments, **options):
    return vit.run("vit-infer", "-m", model, "--device", "cpu", *arguments, **options)


def load(text):
    return np.load(io.BytesIO(text))


def opened(paths):
    return [Image.open(path).convert("RGB") for path in paths]


def as_input(model, images):
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))
    return torch.stack([transform(image) for image in images])


def files(folder):
    return sorted(folder.rglob("*.png"))


@pytest.mark.parametrize("name", MODELS)
def test_says_timms_classes(name, vit, whole, pictures):
    model, root = whole(name)
    paths, images = pictures
    done = infer(vit, root, *paths, "--format", "jsonl", "--topk", 3)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["file"] for row in rows] == [str(path) for path in paths]
    with torch.inference_mode():
        probabilities = torch.cat([model(x).softmax(-1) for x in as_input(model, images).split(8)])
    for row, expected in zip(rows, probabilities):
        values, indices = expected.topk(3)
        assert [said["index"] for said in row["topk"]] == indices.tolist()
        # Probabilities of float32 logits whose sums were taken in another order.
        np.testing.assert_allclose([said["prob"] for said in row["topk"]], values, rtol=1e-3)


def test_gives_timms_logits_of_tensors(vit, tiny, tmp_path):
    model, root = tiny
    x = torch.randn(5, 3, 224, 224)
    np.save(tmp_path / "x.npy", x.numpy())
    save_file({"input": x}, tmp_path / "x.safetensors")
    with torch.inference_mode():
        expected = model(x)
    for file in ("x.npy", "x.safetensors"):
        infer(vit, root, tmp_path / file, "--format", "npy", "-o", tmp_path / "y.npy", "--force", "--batch-size", 2)
        assert_close(torch.from_numpy(np.load(tmp_path / "y.npy")), expected, LOGITS, file)


def test_every_format_says_the_same(vit, tiny, folder, tmp_path):
    _, root = tiny
    rows = [json.loads(line) for line in infer(vit, root, folder, "--format", "jsonl").stdout.splitlines()]
    assert [row["file"] for row in rows] == [str(path) for path in files(folder)]
    assert all(len(row["topk"]) == 3 for row in rows), "k is beyond the class count"
    assert json.loads(infer(vit, root, folder, "--format", "json").stdout) == rows
    flat = [[row["file"]] + [str(x) for said in row["topk"] for x in (said["index"], "", said["prob"])] for row in rows]

    def same(found):
        for a, b in zip(found, flat, strict=True):
            assert len(a) == len(b) and a[0] == b[0]
            assert [float(x) for x in a[1:] if x] == [float(x) for x in b[1:] if x]

    head, *lines = csv.reader(io.StringIO(infer(vit, root, folder, "--format", "csv").stdout))
    assert head[:4] == ["file", "index1", "label1", "prob1"]
    same(lines)
    same([line.split("\t") for line in infer(vit, root, folder).stdout.splitlines()])


def test_labels_come_from_the_model(vit, tiny, folder, tmp_path):
    _, root = tiny
    (tmp_path / "labels.txt").write_text("ant\nbee\ncow\n")
    vit.convert(root, tmp_path / "m.safetensors", "--labels", tmp_path / "labels.txt")
    row = json.loads(infer(vit, tmp_path / "m.safetensors", files(folder)[0], "--format", "jsonl").stdout)
    for said in row["topk"]:
        assert said["label"] == ["ant", "bee", "cow"][said["index"]]


@pytest.mark.parametrize("name", ["tiny", "deit", "clip"])
def test_features_are_timms(name, vit, whole, folder, tmp_path):
    model, root = whole(name)
    x = as_input(model, opened(files(folder)))
    layers = {}
    hooks = [block.register_forward_hook(lambda m, i, o, index=index: layers.__setitem__(index, o))
             for index, block in enumerate(model.blocks)]
    with torch.inference_mode():
        tokens = model.forward_features(x)
        expected = {"tokens": tokens, "cls": tokens[:, 0], "mean": tokens[:, model.num_prefix_tokens:].mean(1),
                    "pooled": model.forward_head(tokens, pre_logits=True),
                    **{f"layer:{index}": value for index, value in layers.items()}}
    for hook in hooks:
        hook.remove()
    for kind, value in expected.items():
        out = tmp_path / "out.npy"
        infer(vit, root, folder, "--features", kind, "-o", out, "--force")
        assert_close(torch.from_numpy(np.load(out)), value, LOGITS, kind)
    infer(vit, root, folder, "--features", f"layer:{len(layers)}", "-o", out, "--force", rc=2)


def test_a_model_without_a_head_gives_features(vit, folder, tmp_path):
    model = make(tmp_path / "model", num_classes=0)
    infer(vit, tmp_path / "model", folder, "--format", "npy", "-o", tmp_path / "y.npy")
    with torch.inference_mode():
        expected = model(as_input(model, opened(files(folder))))
    assert_close(torch.from_numpy(np.load(tmp_path / "y.npy")), expected, LOGITS)
    for arguments in ([], ["--format", "csv"], ["--format", "jsonl"], ["--validate"]):
        assert "num_classes 0" in infer(vit, tmp_path / "model", folder, *arguments, rc=2).stderr


@pytest.mark.parametrize("method", ["last", "rollout"])
def test_attention_is_laid_over_the_image(method, vit, tiny, folder, tmp_path):
    model, root = tiny
    infer(vit, root, folder, "--attention", tmp_path / "maps", "--attention-method", method)
    overlays = sorted((tmp_path / "maps").glob("*.png"))
    assert [path.stem[:-17] for path in overlays] == [path.stem for path in files(folder)]
    weights = []

    def keep(attn, arguments, output):
        B, N, C = arguments[0].shape
        qkv = attn.qkv(arguments[0]).reshape(B, N, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
        weights.append((qkv[0] * attn.scale @ qkv[1].transpose(-2, -1)).softmax(-1).mean(1))

    hooks = [block.attn.register_forward_hook(keep) for block in model.blocks]
    with torch.inference_mode():
        model(as_input(model, opened(files(folder))))
    for hook in hooks:
        hook.remove()
    if method == "last":
        maps = weights[-1]
    else:
        maps = torch.eye(weights[0].shape[-1])
        for w in weights:
            maps = (w + torch.eye(w.shape[-1])) / 2 @ maps
    maps = maps[:, 0, 1:].reshape(-1, 14, 14)
    for path, grid in zip(overlays, maps):
        overlay = np.asarray(Image.open(path)).astype(float)
        assert overlay.shape == (224, 224, 3)
        # Red minus blue rises with attention: the hottest cells stand above the coldest.
        heat = (overlay[..., 0] - overlay[..., 2]).reshape(14, 16, 14, 16).mean((1, 3)).ravel()
        order = grid.ravel().argsort()
        assert heat[order[-20:]].mean() > heat[order[:20]].mean() + 20


def confusion(expected, labels, classes):
    table = np.zeros((classes, classes), int)
    for truth, said in zip(labels, expected.argmax(-1).tolist()):
        table[truth, said] += 1
    return table


@pytest.mark.parametrize("named", [False, True])
def test_validation_is_pythons(named, vit, tiny, folder, tmp_path):
    model, root = tiny
    order = [0, 1, 2]
    if named:  # The model's labels name the folders in another order.
        order = [2, 0, 1]
        (tmp_path / "labels.txt").write_text("b\nc\na\n")
        vit.convert(root, tmp_path / "m.safetensors", "--labels", tmp_path / "labels.txt")
        root = tmp_path / "m.safetensors"
    done = infer(vit, root, "--validate", folder, "--format", "json", "--confusion", tmp_path / "c.csv")
    report = json.loads(done.stdout)
    labels = [order["abc".index(path.parent.name)] for path in files(folder)]
    with torch.inference_mode():
        logits = model(as_input(model, opened(files(folder))))
    truth = torch.tensor(labels)
    assert report["images"] == len(labels)
    assert report["top1"] == pytest.approx(100 * (logits.argmax(-1) == truth).float().mean().item())
    assert report["top5"] == 100
    assert report["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, truth).item(), rel=1e-5)
    assert {c["index"]: c["images"] for c in report["per_class"]} == {c: labels.count(c) for c in set(labels)}
    found = [row[1:] for row in csv.reader((tmp_path / "c.csv").open())][1:]
    np.testing.assert_array_equal(np.array(found, int), confusion(logits, labels, 3))
    assert "top1" in infer(vit, root, "--validate", folder).stdout


def test_validation_takes_idx_files(vit, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 7, 20, dtype=np.uint8)
    header = bytes([0, 0, 8])
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(
        header + b"\3" + np.array(images.shape, ">i4").tobytes() + images.tobytes())
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(
        header + b"\1" + np.array(labels.shape, ">i4").tobytes() + labels.tobytes())
    arguments = dict(depth=2, img_size=28, patch_size=7, in_chans=1, num_classes=10)
    model = random_model("vit_tiny_patch16_224", **arguments)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "c.json").write_text(json.dumps({
        "architecture": "vit_tiny_patch16_224", "num_classes": 10, "model_args": arguments,
        "pretrained_cfg": dict(input_size=[1, 28, 28], mean=[0.5], std=[0.25], crop_pct=1.0, interpolation="bicubic")}))
    x = (torch.from_numpy(images).float().div(255)[:, None] - 0.5) / 0.25
    with torch.inference_mode():
        logits = model(x)
    top1 = 100 * (logits.argmax(-1) == torch.from_numpy(labels).long()).float().mean().item()
    model_file = [tmp_path / "w.safetensors", "--config", tmp_path / "c.json"]
    for inputs in ([tmp_path], [tmp_path / "t10k-images-idx3-ubyte", tmp_path / "t10k-labels-idx1-ubyte"],
                   [tmp_path / "t10k-labels-idx1-ubyte", tmp_path / "t10k-images-idx3-ubyte"]):
        done = infer(vit, *model_file, "--validate", *inputs, "--format", "json")
        assert json.loads(done.stdout)["top1"] == pytest.approx(top1)
        assert json.loads(done.stdout)["images"] == 20


def test_validation_wants_the_models_classes(vit, tiny, folder, tmp_path):
    _, root = tiny
    (tmp_path / "only").mkdir()
    (tmp_path / "only/x").symlink_to(folder / "a")
    assert "class 'x'" in infer(vit, root, "--validate", tmp_path / "only", rc=1).stderr


def test_an_output_is_never_replaced_unasked(vit, tiny, folder, tmp_path):
    _, root = tiny
    out = tmp_path / "rows.jsonl"
    out.write_text("mine")
    assert "--force" in infer(vit, root, folder, "--format", "jsonl", "-o", out, rc=4).stderr
    assert out.read_text() == "mine"
    infer(vit, root, folder, "--format", "jsonl", "-o", out, "--force")
    assert len(out.read_text().splitlines()) == 9 and not list(tmp_path.glob("*.part"))
    image = tmp_path / "x.png"
    image.write_bytes(files(folder)[0].read_bytes())
    infer(vit, root, image, "-o", image, "--force", rc=2)
    infer(vit, root, folder, "-o", tmp_path / "no/such/rows.txt", rc=4)


def test_ranks_together_are_one_run(vit, tiny, folder, tmp_path):
    _, root = tiny
    infer(vit, root, folder, "--format", "jsonl", "-o", tmp_path / "one.jsonl", "--batch-size", 2)
    for rank in range(3):
        infer(vit, root, folder, "--format", "jsonl", "-o", tmp_path / "rows.jsonl", "--batch-size", 2,
              env={"RANK": str(rank), "WORLD_SIZE": "3"})
    parts = sorted(tmp_path.glob("rows.rank*.jsonl"))
    assert len(parts) == 3
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "one.jsonl").read_bytes()


def test_a_reader_that_leaves_is_no_error(vit, tiny, folder):
    _, root = tiny
    process = subprocess.Popen([BIN / "vit-infer", "-m", root, "--device", "cpu", "--batch-size", "1", *[folder] * 50],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().startswith(str(folder).encode())
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_rows(number, vit, tiny, folder, tmp_path):
    _, root = tiny
    out = tmp_path / "rows.jsonl"
    process = subprocess.Popen([BIN / "vit-infer", "-m", root, "--device", "cpu", "--batch-size", "2", "--format", "jsonl",
                                "-o", out, *[folder] * 500], stderr=subprocess.PIPE)
    part = tmp_path / "rows.jsonl.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    assert not out.exists()
    lines = part.read_text().splitlines(keepends=True)
    assert lines and all(json.loads(line) and line.endswith("\n") for line in lines)


def test_rows_come_while_paths_still_come(vit, tiny, folder):
    _, root = tiny
    process = subprocess.Popen([BIN / "vit-infer", "-m", root, "-", "--device", "cpu", "--batch-size", "1"], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for path in files(folder)[:3]:
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith(f"{path}\t")
    process.stdin.close()
    assert process.wait(60) == 0


def test_a_bad_image_stops_or_is_skipped(vit, tiny, folder, tmp_path):
    _, root = tiny
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    inputs = [files(folder)[0], bad, files(folder)[1]]
    stopped = infer(vit, root, *inputs, "--format", "jsonl", rc=1)
    assert len(stopped.stdout.splitlines()) == 1
    assert len(stopped.stderr.splitlines()) == 1 and str(bad) in stopped.stderr
    skipped = infer(vit, root, *inputs, "--format", "jsonl", "--on-error", "skip", rc=1)
    rows = [json.loads(line) for line in skipped.stdout.splitlines()]
    assert ["topk" in row for row in rows] == [True, False, True]
    assert rows[1]["file"] == str(bad) and str(bad) in rows[1]["error"]
    infer(vit, root, *inputs, "--format", "npy", "--on-error", "skip", "-o", tmp_path / "y.npy", rc=1)
    assert np.isnan(np.load(tmp_path / "y.npy")).all(1).tolist() == [False, True, False]


def test_logits_that_are_not_finite_are_no_answer(vit, tiny, folder, tmp_path):
    _, root = tiny
    vit.convert(root, tmp_path / "whole.safetensors", "-q")
    with safe_open(tmp_path / "whole.safetensors", "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    tensors["head.bias"][1] = float("nan")
    model = tmp_path / "broken.safetensors"
    save_file(tensors, model, metadata)
    image = files(folder)[0]
    stopped = infer(vit, model, image, rc=1)
    assert stopped.stdout == ""
    assert stopped.stderr == f"vit-infer: error: {image}: expected finite logits, found nan for class 1\n"
    skipped = infer(vit, model, image, "--format", "jsonl", "--on-error", "skip", rc=1)
    assert "expected finite logits" in json.loads(skipped.stdout)["error"]
    infer(vit, model, image, "--format", "npy", "-o", tmp_path / "y.npy")  # whatever numbers there are
    assert np.isnan(np.load(tmp_path / "y.npy")).sum() == 1
    # A class that is ruled out has the probability 0; where all are there are none.
    tensors["head.bias"][1] = float("-inf")
    save_file(tensors, model, metadata)
    row, = json.loads(infer(vit, model, image, "--format", "json", "--topk", 1000).stdout)
    probabilities = {said["index"]: said["prob"] for said in row["topk"]}
    assert probabilities[1] == 0 and sum(probabilities.values()) == pytest.approx(1, abs=1e-4)  # printed digits
    tensors["head.bias"][:] = float("-inf")
    save_file(tensors, model, metadata)
    stopped = infer(vit, model, image, rc=1)
    assert stopped.stderr == f"vit-infer: error: {image}: expected finite logits, found -infinity for class 0\n"


def test_benchmark_says_what_ran(vit, tiny):
    _, root = tiny
    report = json.loads(infer(vit, root, "--benchmark", "--threads", 1, "--batch-size", 1, "--precision", "bf16",
                              "--format", "json").stdout)
    assert 0 < report["ms_per_image_min"] <= report["ms_per_image_median"]
    assert report["choices"]["precision"] == "bf16"
    assert "profile" not in report


def test_benchmark_times_each_step_and_traces_them(vit, tiny, tmp_path):
    _, root = tiny
    trace = tmp_path / "trace.json"
    profiled = ("--benchmark", "--profile", "--threads", 1, "--batch-size", 2)
    report = json.loads(infer(vit, root, *profiled, "--trace", trace, "--format", "json").stdout)
    steps = report["profile"]["steps"]
    assert report["choices"]["precision"] == "fp32"
    # Two operations for each weight of a linear layer and each of the 196 patches and the class token.
    assert [step["flops"] for step in steps if step["name"] == "block.0.attn.qkv"] == [2 * 197 * 192 * 3 * 192]
    assert all(step["seconds"] > 0 for step in steps) and report["profile"]["seconds"] > 0
    events = json.loads(trace.read_text())["traceEvents"]
    assert {event["name"] for event in events} == {step["name"] for step in steps}
    shown = infer(vit, root, *profiled, "-v")
    assert "block.attn.qkv (" in shown.stdout
    plan = shown.stderr.splitlines()
    assert any("block.0.attn.qkv: linear 192 -> 576" in line for line in plan)
    assert all(any(f"{step['name']}: " in line for line in plan) for step in steps)
    refused = infer(vit, root, *profiled, "--engine", "modules", rc=2)
    assert refused.stderr == "vit-infer: error: --engine: expected packed, whose steps can be timed, found modules\n"


def precision_of(vit, model, image, *arguments):
    """The precision among the engine's choices, which a benchmark reports too, but only after seconds."""
    return re.search(r"engine packed, precision (\w+),", infer(vit, model, image, "-v", *arguments).stderr)[1]


def test_precision_is_the_files_unless_one_is_asked_for(vit, tiny, folder, tmp_path):
    model, root = tiny
    image = files(folder)[0]
    small = tmp_path / "int8.safetensors"
    vit.convert(root, small, "--dtype", "int8")
    assert precision_of(vit, small, image) == "int8"
    assert precision_of(vit, small, image, "--precision", "fp32") == "fp32"
    assert precision_of(vit, root, image) == "fp32"
    assert precision_of(vit, root, image, "--precision", "bf16") == "bf16"
    error = infer(vit, root, image, "--precision", "int8", "--engine", "modules", rc=2).stderr
    assert error.count("\n") == 1 and "--precision" in error


def test_narrow_weights_give_logits_as_near_as_rounding_lets_them(vit, tiny):
    model, root = tiny
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected, half = model(images), copy.deepcopy(model).to(torch.bfloat16)(images.to(torch.bfloat16)).float()
    size = expected.abs().max()
    # bf16: as near as timm's own, which rounds more than the blocks' products.
    assert (vit.infer(root, images, "--precision", "bf16") - expected).abs().max() <= (half - expected).abs().max()
    # int8: 127 steps a weight.
    error = (vit.infer(root, images, "--precision", "int8") - expected).abs().max() / size
    assert 1e-4 < error < 0.05


def test_the_modules_run_in_timms_half_precisions(vit, tiny, folder):
    model, root = tiny
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    for precision, dtype, relative in (("bf16", torch.bfloat16, 2e-2), ("fp16", torch.float16, 2e-3)):  # 8 and 11 bits
        with torch.no_grad():
            expected = copy.deepcopy(model).to(dtype)(images.to(dtype)).float()
        assert_close(vit.infer(root, images, "--engine", "modules", "--precision", precision), expected, relative, precision)
    error = infer(vit, root, files(folder)[0], "--precision", "fp16", "--device", "cpu", rc=2).stderr
    assert error.count("\n") == 1 and "--precision" in error and "fp16" in error


def test_three_bf16_products_are_nearly_float32(vit, tiny, folder):
    model, root = tiny
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = model(images)
    # Each factor is two bfloat16, 17 bits; where there is no AMX it is float32 and says so.
    error = (vit.infer(root, images, "--precision", "fp32x3") - expected).abs().max() / expected.abs().max()
    assert error <= 2e-5
    assert precision_of(vit, root, files(folder)[0], "--precision", "fp32x3") in ("fp32x3", "fp32")


def test_low_memory_gives_the_same_logits(vit, tiny, folder):
    model, root = tiny
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        assert_close(vit.infer(root, images, "--low-memory"), model(images), LOGITS, "low memory")
    assert "low_memory" in infer(vit, root, files(folder)[0], "--low-memory", "--engine", "modules").stderr


USAGE = {
    "no input": [], "batch of none": ["x.png", "--batch-size", "0"], "threads below one": ["x.png", "--threads", "-1"],
    "k of none": ["x.png", "--topk", "0"], "k that is no number": ["x.png", "--topk", "nan"],
    "format": ["x.png", "--format", "xml"], "device": ["x.png", "--device", "tpu"],
    "features": ["x.png", "--features", "head"], "two modes": ["x.png", "--validate", "--features", "cls"],
    "input without a file": ["x.png", "--preprocess-only"], "confusion alone": ["x.png", "--confusion", "c.csv"],
    "benchmark with input": ["x.png", "--benchmark"], "resume without a file": ["x.png", "--resume"],
    "trace alone": ["x.png", "--trace", "t.json"],
}


@pytest.mark.parametrize("name", USAGE)
def test_usage_errors_are_one_line(name, vit, tiny):
    done = infer(vit, tiny[1], *USAGE[name], rc=2) if name != "device" else vit.run(
        "vit-infer", "-m", tiny[1], *USAGE[name], rc=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("vit-infer: error: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_gpu_says_what_is_missing(vit, tiny, folder):
    done = vit.run("vit-infer", "-m", tiny[1], folder, "--device", "cuda", rc=2)
    assert len(done.stderr.splitlines()) == 1 and "cuda" in done.stderr


def test_a_missing_model_is_an_io_error(vit, folder, tmp_path):
    assert len(infer(vit, tmp_path / "no.safetensors", folder, rc=4).stderr.splitlines()) == 1
