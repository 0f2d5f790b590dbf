"""State dicts of the real timm, in the wrappings that people save them in, through the command line."""

import argparse
import json
import pathlib

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

from conftest import ROOT, assert_close, config_file, random_model, stored_config

# float32 sums in another order.
LOGITS = 1e-5
SMALL = dict(img_size=48, patch_size=16, embed_dim=48, depth=3, num_heads=3, num_classes=10)

MODELS = {
    "plain": ("vit_tiny_patch16_224", {}),
    "small_patch": ("vit_base_patch8_224", dict(patch_size=8, img_size=32)),
    "patch14": ("vit_large_patch14_224", dict(patch_size=14, img_size=56, num_heads=6)),
    "patch32": ("vit_small_patch32_384", dict(patch_size=32, img_size=96)),
    "no_qkv_bias": ("vit_tiny_patch16_224", dict(qkv_bias=False)),
    "rectangle": ("vit_small_patch16_224", dict(img_size=(32, 80), in_chans=1)),
    "headless": ("vit_tiny_patch16_224", dict(num_classes=0)),
    "deit": ("deit_small_patch16_224", {}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "distilled_headless": ("deit_small_distilled_patch16_224", dict(num_classes=0)),
}


def wrapped(form, state):
    """The object that a training run hands to torch.save."""
    stale = {key: value + 1 for key, value in state.items()}
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]}
    return {
        "bare": state,
        "model": {"model": state, "args": argparse.Namespace(lr=0.1, name="x"), "epoch": 3},
        "ema": {"state_dict_ema": state, "state_dict": stale, "optimizer": optimizer, "epoch": 3},
        "model_ema": {"model_ema": state, "model": stale, "optimizer": optimizer},
        "ddp": {"state_dict": {"module." + key: value for key, value in state.items()}, "arch": "vit"},
        "compiled": {"_orig_mod.module." + key: value for key, value in state.items()},
    }[form]


def make(name):
    architecture, changes = MODELS[name]
    arguments = {**SMALL, **changes}
    model = random_model(architecture, **arguments)
    size = arguments["img_size"]
    size = size if isinstance(size, tuple) else (size, size)
    images = torch.randn(3, arguments.get("in_chans", 3), *size, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return architecture, arguments, model, images, model(images)


SUFFIXES = [".pt", ".safetensors", "folder"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gives_timms_logits(name, suffix, vit, tmp_path):
    """vit-infer takes every form of every model as it is; vit-convert writes each model, the forms taking turns."""
    architecture, arguments, model, images, expected = make(name)
    source = tmp_path / ("source" + suffix)
    options = ["--config", config_file(tmp_path / "config.json", architecture, arguments)]
    if suffix == ".pt":
        torch.save(model.state_dict(), source)
    elif suffix == ".safetensors":
        save_file(model.state_dict(), source)
    else:
        save_for_hf(model, source, safe_serialization=True)
        options = []
    if (list(MODELS).index(name) + SUFFIXES.index(suffix)) % len(SUFFIXES) == 0:
        vit.convert(source, tmp_path / "native.safetensors", *options)
        source, options = tmp_path / "native.safetensors", []
    assert_close(vit.infer(source, images, *options), expected, LOGITS, name)


WRAPPINGS = ["bare", "model", "ema", "model_ema", "ddp", "compiled"]


@pytest.mark.parametrize("form", WRAPPINGS)
@pytest.mark.parametrize("legacy", [False, True])
def test_takes_every_wrapping(form, legacy, vit, tmp_path):
    """Each wrapping by both commands: by one in torch's zip, by the other in its older form, in turns."""
    architecture, arguments, model, images, expected = make("plain")
    source = tmp_path / "checkpoint.pth"
    torch.save(wrapped(form, model.state_dict()), source, _use_new_zipfile_serialization=not legacy)
    options = ["--config", config_file(tmp_path / "config.json", architecture, arguments)]
    if (WRAPPINGS.index(form) + legacy) % 2 == 0:
        vit.convert(source, tmp_path / "native.safetensors", *options)
        source, options = tmp_path / "native.safetensors", []
    assert_close(vit.infer(source, images, *options), expected, LOGITS, form)


def test_state_key_chooses(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    stale = {key: value + 1 for key, value in model.state_dict().items()}
    torch.save({"state_dict_ema": stale, "teacher": model.state_dict()}, tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, "--state-key", "teacher")
    assert_close(vit.infer(tmp_path / "n.safetensors", images), expected, LOGITS)
    missing = vit.convert(tmp_path / "a.pt", tmp_path / "m.safetensors", "--config", config, "--state-key", "student",
                          rc=1)
    assert "teacher" in missing.stderr and not (tmp_path / "m.safetensors").exists()


def test_arch_alone_takes_the_class_count_from_the_head(vit, tmp_path):
    model = random_model("vit_tiny_patch16_224", num_classes=13)
    torch.save(model.state_dict(), tmp_path / "a.pth")
    done = vit.convert(tmp_path / "a.pth", tmp_path / "n.safetensors", "--arch", "vit_tiny_patch16_224")
    assert "13" in done.stderr
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert_close(vit.infer(tmp_path / "n.safetensors", images), model(images), LOGITS)


@pytest.mark.parametrize("dtype, stored", [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_dtype_is_what_is_stored(dtype, stored, vit, tmp_path):
    architecture, arguments, model, images, _ = make("plain")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, "--dtype", dtype)
    tensors = load_file(tmp_path / "n.safetensors")
    for key, value in model.state_dict().items():
        assert torch.equal(tensors[key.replace("blocks.", "block.")], value.to(stored))
    # The model runs in float32 on the rounded weights, as timm does on the same numbers.
    model.load_state_dict({key: value.to(stored).float() for key, value in model.state_dict().items()})
    with torch.no_grad():
        assert_close(vit.infer(tmp_path / "n.safetensors", images), model(images), LOGITS)


def test_a_new_head_leaves_the_rest(vit, tmp_path):
    architecture, arguments, model, _, _ = make("distilled")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    for out, seed in (("n", 1), ("again", 1), ("other", 2)):
        vit.convert(tmp_path / "a.pt", tmp_path / f"{out}.safetensors", "--config", config, "--num-classes", 5, "--seed",
                    seed)
    first, again, other = (load_file(tmp_path / f"{out}.safetensors") for out in ("n", "again", "other"))
    for key, value in model.state_dict().items():
        key = key.replace("blocks.", "block.")
        if not key.startswith("head"):
            assert torch.equal(first[key], value)
    assert first["head.weight"].shape == (5, 48) and first["head_dist.bias"].shape == (5,)
    assert torch.equal(first["head.weight"], again["head.weight"])
    assert not torch.equal(first["head.weight"], other["head.weight"])
    assert not torch.equal(first["head.weight"], first["head_dist.weight"])


def test_a_file_that_does_not_fit_is_refused_in_one_line(vit, tmp_path):
    architecture, arguments, model, _, _ = make("plain")
    state = dict(model.state_dict())
    state["blocks.0.attn.qkv.wait"] = state.pop("blocks.0.attn.qkv.weight")
    state["head.bias"] = torch.zeros(11)
    torch.save(state, tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    done = vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, rc=1)
    assert len(done.stderr.splitlines()) == 1
    assert "1 missing (block.0.attn.qkv.weight [144, 48])" in done.stderr
    assert "1 unexpected (block.0.attn.qkv.wait, near block.0.attn.qkv.weight)" in done.stderr
    assert "1 misshapen (head.bias: expected shape [10], found [11])" in done.stderr
    assert [p.name for p in tmp_path.iterdir() if "safetensors" in p.name] == []


def test_drop_unused_lists_what_it_leaves_out(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    torch.save({**model.state_dict(), "decoder.weight": torch.zeros(3)}, tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, rc=1)
    done = vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, "--drop-unused")
    assert "decoder.weight" in done.stderr
    assert_close(vit.infer(tmp_path / "n.safetensors", images), expected, LOGITS)


def test_outputs_are_never_overwritten_unasked(vit, tmp_path):
    architecture, arguments, model, _, _ = make("plain")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    out = tmp_path / "n.safetensors"
    out.write_text("mine")
    done = vit.convert(tmp_path / "a.pt", out, "--config", config, rc=4)
    assert "--force" in done.stderr and out.read_text() == "mine"
    vit.convert(tmp_path / "a.pt", tmp_path / "no/n.safetensors", "--config", config, rc=4)
    vit.convert(tmp_path / "none.pt", tmp_path / "b.safetensors", "--config", config, rc=4)
    vit.convert(tmp_path / "a.pt", out, "--config", config, "--force")
    assert len(load_file(out)) == len(model.state_dict())


def test_labels_and_preprocessing_are_kept(vit, tmp_path):
    architecture, arguments, model, _, _ = make("plain")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"Klasse {i} ä\n" for i in range(10)))
    vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, "--labels", labels, "--mean",
                "0.1,0.2,0.3", "--crop-pct", "1", "--crop-mode", "squash", "--interpolation", "lanczos", "--pillow", 12)
    stored = stored_config(tmp_path / "n.safetensors")
    assert stored["labels"] == [f"Klasse {i} ä" for i in range(10)]
    assert stored["preprocessing"] == {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5], "interpolation": "lanczos",
                                       "crop_pct": 1.0, "crop_mode": "squash", "pillow": 12}
    labels.write_bytes(b"\xff\xfe\n" * 10)
    vit.convert(tmp_path / "a.pt", tmp_path / "m.safetensors", "--config", config, "--labels", labels, rc=1)
    assert not (tmp_path / "m.safetensors").exists()


def test_int8_rounds_as_torch_does(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    small, back = (tmp_path / f"{name}.safetensors" for name in ("int8", "fp32"))
    vit.convert(tmp_path / "a.pt", small, "--config", config, "--dtype", "int8")
    stored = load_file(small)
    linears = [key for key, value in stored.items() if value.dtype == torch.int8]
    assert len(linears) == 4 * arguments["depth"]
    for key in linears:
        weight = model.state_dict()[key.replace("block.", "blocks.")]
        scale = weight.abs().amax(1) / 127
        assert torch.equal(stored[key + "_scale"], scale)
        per_channel = torch.quantize_per_channel(weight, scale, torch.zeros(len(scale)), 0, torch.qint8)
        # That kernel multiplies by 1 / scale: a value half way may fall to the other side.
        difference = per_channel.int_repr().int() - stored[key].int()
        assert difference.abs().max() <= 1 and (difference != 0).float().mean() < 1e-3
    # Whatever reads a model file reads this one.
    assert vit.convert(small, back, "--dtype", "fp32", "-q").stderr == ""
    assert "int8 weights are written as float32" in vit.convert(small, tmp_path / "kept.safetensors").stderr
    assert load_file(back).keys() == {key.replace("blocks.", "block.") for key in model.state_dict()}
    assert torch.equal(vit.infer(small, images, "--precision", "fp32"), vit.infer(back, images))
    # 8 bits a weight: some 1 / 127 / sqrt(12) of the largest weight in each product.
    assert_close(vit.infer(small, images), expected, 0.1, "int8")


def test_int8_scales_are_fitted_to_images(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    out = tmp_path / "int8.safetensors"
    calibrate = ["--calibrate", ROOT / "weights/examples"]
    vit.convert(tmp_path / "a.pt", out, "--config", config, *calibrate, rc=2)
    vit.convert(tmp_path / "a.pt", out, "--config", config, "--dtype", "int8", "--calibrate", tmp_path / "none", rc=4)
    assert not out.exists()
    vit.convert(tmp_path / "a.pt", out, "--config", config, "--dtype", "int8", *calibrate)
    stored = load_file(out)
    narrower = 0
    for key in (key for key, value in stored.items() if value.dtype == torch.int8):
        largest = model.state_dict()[key.replace("block.", "blocks.")].abs().amax(1) / 127
        assert (stored[key + "_scale"] <= largest).all()
        narrower += (stored[key + "_scale"] < largest).sum()
        assert stored[key + "_input_scale"].shape == (2,)
    assert narrower > 0
    # The logits are still the model's, and the file one that everything reads.
    assert_close(vit.infer(out, images), expected, 0.15, "int8, calibrated")
    native = tmp_path / "native.safetensors"
    vit.convert(tmp_path / "a.pt", native, "--config", config)
    vit.convert(out, tmp_path / "back.safetensors", "--dtype", "fp32")
    assert load_file(tmp_path / "back.safetensors").keys() == load_file(native).keys()
    again = vit.convert(out, tmp_path / "again.safetensors", "--dtype", "int8").stderr
    assert "scales of what layers read are left out" in again
    # Whole numbers of a fixed scale make a number of anything: not of an image that holds none.
    images[1, 0, 3, 4] = float("nan")
    found = vit.infer(out, images)
    assert found[1].isnan().all() and found[0].isfinite().all()


def test_a_weight_that_is_no_number_gives_no_class(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    weights = model.state_dict()
    weights["blocks.0.mlp.fc2.weight"] = weights["blocks.0.mlp.fc2.weight"].clone()
    weights["blocks.0.mlp.fc2.weight"][3, 4] = float("nan")
    torch.save(weights, tmp_path / "a.pt")
    vit.convert(tmp_path / "a.pt", tmp_path / "model.safetensors", "--config",
                config_file(tmp_path / "config.json", architecture, arguments))
    for precision in ("fp32", "bf16", "int8"):
        assert vit.infer(tmp_path / "model.safetensors", images, "--precision", precision).isnan().all()


def test_input_scales_are_as_good_as_torchs_histogram_observers(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    torch.save(model.state_dict(), tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    images = images.repeat(4, 1, 1, 1) + torch.randn(4 * len(images), *images.shape[1:], generator=torch.Generator().manual_seed(3))
    save_file({"input": images.contiguous()}, tmp_path / "images.safetensors")
    out = tmp_path / "int8.safetensors"
    vit.convert(tmp_path / "a.pt", out, "--config", config, "--dtype", "int8", "--calibrate", tmp_path / "images.safetensors")
    stored, seen = load_file(out), {}
    for name, module in model.named_modules():
        if name.startswith("blocks.") and isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda m, i, o, name=name: seen.__setitem__(name, i[0].detach()))
    with torch.no_grad():
        model(images)
    assert len(seen) == 4 * arguments["depth"]

    def error(x, scale, offset):
        return ((((x - offset) / scale).round().clamp(0, 255) * scale + offset - x) ** 2).sum()

    for name, x in seen.items():
        observer = torch.ao.quantization.HistogramObserver(dtype=torch.quint8)
        observer(x)
        scale, zero = observer.calculate_qparams()
        ours = error(x, *stored[name.replace("blocks.", "block.") + ".weight_input_scale"])
        # Ours need no whole zero point.
        assert ours <= 1.02 * error(x, scale, -zero * scale), name


def test_verify_compares_layer_by_layer(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    reference = {"input": images, "output": expected.clone()}
    hooks = {"patch_embed": model.patch_embed, "norm": model.norm, "blocks.1": model.blocks[1], "block.2": model.blocks[2]}
    for key, module in hooks.items():
        module.register_forward_hook(lambda m, i, o, key=key: reference.__setitem__(key, o.detach().clone(memory_format=torch.contiguous_format)))
    with torch.no_grad():
        model(images)
    save_for_hf(model, tmp_path / "folder", safe_serialization=True)
    save_file(reference, tmp_path / "ref.safetensors")
    done = vit.convert(tmp_path / "folder", "--verify", tmp_path / "ref.safetensors")
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == sorted([*hooks, "output"])
    reference["blocks.1"][0, 0, 0] += 1
    save_file(reference, tmp_path / "ref.safetensors")
    done = vit.convert(tmp_path / "folder", "--verify", tmp_path / "ref.safetensors", rc=1)
    assert [line.split()[0] for line in done.stdout.splitlines() if "FAILED" in line] == ["blocks.1"]
    vit.convert(tmp_path / "folder", "--verify", tmp_path / "ref.safetensors", "--atol", 2)


def test_verify_says_that_weights_are_not_finite(vit, tmp_path):
    architecture, arguments, model, images, expected = make("plain")
    with torch.no_grad():
        model.blocks[1].mlp.fc1.weight[3, 4] = float("nan")
    save_for_hf(model, tmp_path / "folder", safe_serialization=True)
    save_file({"input": images, "output": expected}, tmp_path / "ref.safetensors")
    done = vit.convert(tmp_path / "folder", "--verify", tmp_path / "ref.safetensors", rc=1)
    assert "block.1.mlp.fc1.weight" in done.stderr


def test_the_report_names_every_tensor(vit, tmp_path):
    architecture, arguments, model, _, _ = make("plain")
    torch.save({"module." + key: value for key, value in model.state_dict().items()}, tmp_path / "a.pt")
    config = config_file(tmp_path / "config.json", architecture, arguments)
    vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config", config, "--report", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    mapped = {entry["to"]: entry["from"] for entry in report["tensors"]}
    assert mapped == {key.replace("blocks.", "block."): ["module." + key] for key in model.state_dict()}


@pytest.mark.parametrize("arguments, rc", [
    (["a.pt"], 2), (["a.pt", "n.safetensors"], 2), (["a.pt", "n.safetensors", "--arch", "vit_tiny_patch16_225"], 2),
    (["a.pt", "n.safetensors", "--num-classes", "-1"], 2), (["a.pt", "n.safetensors", "--crop-pct", "nan"], 2),
    (["a.pt", "n.safetensors", "--dtype", "fp8"], 2), ([], 2), (["a.pt", "n.safetensors", "--threads", "0"], 2),
    (["a.pt", "n.safetensors", "--unknown"], 2), (["a.pt", "n.safetensors", "--pillow", "11"], 2)])
def test_usage_errors_are_one_line_and_exit_2(arguments, rc, vit, tmp_path):
    torch.save(make("plain")[2].state_dict(), tmp_path / "a.pt")
    done = vit.convert(*[tmp_path / a if "." in a and not a.startswith("-") else a for a in arguments], rc=rc)
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    assert done.stderr.startswith("vit-convert: error: ")
    assert not (tmp_path / "n.safetensors").exists()
