"""Other sizes, channels and classes while converting, against what timm does when it loads the same file."""

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed

from conftest import assert_close, config_file, random_model

# float32 sums in another order; the pseudo-inverse is LAPACK's on both sides.
WEIGHTS = 1e-5
SMALL = dict(img_size=64, patch_size=16, embed_dim=48, depth=2, num_heads=3, num_classes=6)

CASES = {
    "larger": ("vit_tiny_patch16_224", {}, dict(img_size=96)),
    "smaller": ("vit_tiny_patch16_224", {}, dict(img_size=48)),
    "rectangle": ("vit_tiny_patch16_224", {}, dict(img_size=(48, 112))),
    "from_rectangle": ("vit_tiny_patch16_224", dict(img_size=(48, 112)), dict(img_size=96)),
    "no_embed_class": ("deit3_small_patch16_224", {}, dict(img_size=96)),
    "registers": ("vit_medium_patch16_reg4_gap_256", {}, dict(img_size=96)),
    "no_class_token": ("vit_base_patch16_siglip_224", {}, dict(img_size=96)),
    "distilled": ("deit_tiny_distilled_patch16_224", {}, dict(img_size=96)),
    "smaller_patches": ("vit_tiny_patch16_224", {}, dict(patch_size=8)),
    "larger_patches": ("vit_tiny_patch16_224", {}, dict(patch_size=32, img_size=96)),
    "flexivit": ("flexivit_small", {}, dict(img_size=96, patch_size=24)),
    "grey": ("vit_tiny_patch16_224", {}, dict(in_chans=1)),
    "four_channels": ("vit_tiny_patch16_224", {}, dict(in_chans=4)),
    "seven_channels": ("vit_tiny_patch16_224", {}, dict(in_chans=7)),
    "everything": ("vit_base_patch16_clip_224", {}, dict(img_size=80, patch_size=20, in_chans=4)),
}


def flags(changes):
    for key, value in changes.items():
        yield "--" + key.replace("_", "-")
        yield from value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("name", CASES)
def test_adapts_as_timm_does(name, vit, tmp_path):
    architecture, source_changes, changes = CASES[name]
    source_arguments = {**SMALL, **source_changes}
    source = random_model(architecture, **source_arguments)
    save_file(source.state_dict(), tmp_path / "model.safetensors")
    size = source_arguments["img_size"]
    size = size if isinstance(size, tuple) else (size, size)
    overlay = dict(file=str(tmp_path / "model.safetensors"), input_size=(3, *size), num_classes=6, hf_hub_id=None)
    adapted = timm.create_model(architecture, pretrained=True, pretrained_cfg_overlay=overlay,
                                **{**source_arguments, **changes})
    vit.convert(tmp_path / "model.safetensors", tmp_path / "n.safetensors", "--config",
                config_file(tmp_path / "config.json", architecture, source_arguments), *flags(changes))
    tensors = load_file(tmp_path / "n.safetensors")
    expected = adapted.state_dict()
    assert set(tensors) == {key.replace("blocks.", "block.") for key in expected}
    for key, value in expected.items():
        assert_close(tensors[key.replace("blocks.", "block.")], value, WEIGHTS, key)


@pytest.mark.parametrize("name, how", [("bicubic", dict()), ("bicubic-noaa", dict(antialias=False)),
                                       ("bilinear", dict(interpolation="bilinear", antialias=False))])
def test_positions_as_older_timms_resampled_them(name, how, vit, tmp_path):
    source = random_model("vit_tiny_patch16_224", **SMALL)
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    config = config_file(tmp_path / "config.json", "vit_tiny_patch16_224", SMALL)
    vit.convert(tmp_path / "a.safetensors", tmp_path / "n.safetensors", "--config", config, "--img-size", 112,
                "--pos-interp", name)
    expected = resample_abs_pos_embed(source.pos_embed.detach(), (7, 7), (4, 4), 1, **how)
    assert_close(load_file(tmp_path / "n.safetensors")["pos_embed"], expected, WEIGHTS)


def test_another_size_is_not_resampled_unasked(vit, tmp_path):
    source = random_model("vit_tiny_patch16_224", **{**SMALL, "img_size": 96})
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    config = config_file(tmp_path / "config.json", "vit_tiny_patch16_224", SMALL)
    done = vit.convert(tmp_path / "a.safetensors", tmp_path / "n.safetensors", "--config", config, rc=1)
    assert "pos_embed" in done.stderr
    vit.convert(tmp_path / "a.safetensors", tmp_path / "n.safetensors", "--config", config, "--img-size", 96)
    assert torch.equal(load_file(tmp_path / "n.safetensors")["pos_embed"], source.pos_embed)


def test_an_adapted_model_runs(vit, tmp_path):
    source = random_model("vit_tiny_patch16_224", **SMALL)
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    config = config_file(tmp_path / "config.json", "vit_tiny_patch16_224", SMALL)
    vit.convert(tmp_path / "a.safetensors", tmp_path / "n.safetensors", "--config", config, "--img-size", 96, 64,
                "--in-chans", 1, "--num-classes", 0)
    assert vit.infer(tmp_path / "n.safetensors", torch.randn(2, 1, 96, 64)).shape == (2, 48)
