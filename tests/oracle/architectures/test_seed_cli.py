"""The seed's own Python against the command line: its state dict in, its numbers out, and the file back into it."""

import importlib.util
import json
import os
import pathlib

import pytest
import torch
from safetensors.torch import load_file

from conftest import ROOT, assert_close, randomize

# float32 on both sides, sums in another order: each is off by up to 1e-6 of what float64 gives.
LOGITS = 2e-6

SEED = pathlib.Path(os.environ.get("VIT_SEED", ROOT.parent / "shared/seed/vit.py"))
BASE = dict(img_size=32, patch_size=8, embed_dim=48, depth=3, num_heads=3, num_classes=10)

CONFIGURATIONS = {
    "plain": {},
    "distilled": dict(distilled=True),
    "representation": dict(representation_size=20),
    "distilled_representation": dict(distilled=True, representation_size=20),
    "no_head": dict(num_classes=0),
    "distilled_no_head": dict(distilled=True, num_classes=0),
    "representation_no_head": dict(representation_size=20, num_classes=0),
    "no_qkv_bias": dict(qkv_bias=False),
    "qk_scale": dict(qk_scale=0.3),
    "one_channel": dict(in_c=1),
    "four_channels_distilled": dict(in_c=4, distilled=True),
    "odd_sizes": dict(img_size=35, patch_size=7, embed_dim=33, num_heads=3),
    "one_head_one_block": dict(num_heads=1, depth=1),
    "mlp_ratio": dict(mlp_ratio=2.6),
    "drops": dict(drop_ratio=0.1, attn_drop_ratio=0.2, drop_path_ratio=0.3),
    "patch_as_large_as_the_image": dict(img_size=16, patch_size=16),
}


@pytest.fixture(scope="module")
def seed():
    if not SEED.exists():
        pytest.skip(f"the seed's Python is not at {SEED} (VIT_SEED names it)")
    spec = importlib.util.spec_from_file_location("seed_vit", SEED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_gives_the_seeds_numbers_and_loads_back(name, seed, vit, tmp_path):
    arguments = {**BASE, **CONFIGURATIONS[name]}
    model = randomize(seed.VisionTransformer(**arguments))
    size = arguments["img_size"]
    images = torch.randn(3, arguments.get("in_c", 3), size, size, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = model(images)

    torch.save(model.state_dict(), tmp_path / "seed.pt")
    (tmp_path / "config.json").write_text(json.dumps({"model": arguments}))
    native = tmp_path / "native.safetensors"
    vit.convert(tmp_path / "seed.pt", native, "--config", tmp_path / "config.json")
    assert_close(vit.infer(native, images), expected, LOGITS, name)

    again = seed.VisionTransformer(**arguments).eval()
    tensors = load_file(native)
    again.load_state_dict(tensors, strict=True)
    assert sorted(tensors) == sorted(model.state_dict())
    with torch.no_grad():
        assert torch.equal(again(images), expected)


@pytest.fixture(scope="module")
def base(seed, tmp_path_factory):
    """The model of the seed's factory, and its file."""
    model = randomize(seed.vit_base_patch16_224(num_classes=5))
    path = tmp_path_factory.mktemp("base") / "seed.pth"
    torch.save({"model": model.state_dict()}, path)
    return model, path


def test_the_seeds_factory_has_an_architecture(base, vit, tmp_path):
    model, path = base
    native = tmp_path / "native.safetensors"
    done = vit.convert(path, native, "--arch", "vit_base_patch16_224.seed")
    assert "5 classes" in done.stderr and "preprocessing" in done.stderr
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert_close(vit.infer(native, images), model(images), LOGITS)


def test_exchanging_two_tensors_of_one_shape_changes_the_numbers(seed, vit, tmp_path):
    model = randomize(seed.VisionTransformer(**BASE))
    state = dict(model.state_dict())
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = model(images)
    (tmp_path / "config.json").write_text(json.dumps({"model": BASE}))
    torch.save(state, tmp_path / "seed.pt")
    assert_close(vit.infer(tmp_path / "seed.pt", images, "--config", tmp_path / "config.json"), expected, LOGITS)
    for a, b in [("block.0.norm1.weight", "block.2.norm1.weight"), ("block.0.norm1.bias", "block.0.norm2.bias"),
                 ("block.1.attn.proj.weight", "block.2.attn.proj.weight"), ("patch_embed.norm.weight", "norm.weight")]:
        torch.save({**state, a: state[b], b: state[a]}, tmp_path / "seed.pt")
        with pytest.raises(AssertionError, match="off by"):
            assert_close(vit.infer(tmp_path / "seed.pt", images, "--config", tmp_path / "config.json"), expected, LOGITS)


@pytest.mark.parametrize("model, message", [
    (dict(patch_size=0), "patch_size"), (dict(patch_size=5), "patch_size"), (dict(num_heads=5), "num_heads"),
    (dict(depth=0), "depth"), (dict(depth=1001), "depth"), (dict(embed_dim=10**9), "embed_dim"),
    (dict(dept=3), "dept"), (dict(depth="3"), "depth"), (dict(depth=3.5), "depth"), (dict(mlp_ratio=-1), "mlp_ratio"),
    (dict(num_classes=-1), "num_classes"), (dict(drop_ratio=2), "drop_ratio"), (dict(img_size=[32]), "img_size")])
def test_a_configuration_that_no_model_can_have_is_refused(model, message, vit, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model": {**BASE, **model}}))
    torch.save({"x": torch.zeros(1)}, tmp_path / "seed.pt")
    done = vit.convert(tmp_path / "seed.pt", tmp_path / "n.safetensors", "--config", tmp_path / "config.json", rc=1)
    assert message in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "n.safetensors").exists()


def test_the_two_forms_of_a_size_are_told_apart(base, vit, tmp_path):
    _, path = base
    done = vit.convert(path, tmp_path / "n.safetensors", "--arch", "vit_base_patch16_224", rc=1)
    assert "--arch vit_base_patch16_224.seed" in done.stderr and "patch_embed.norm.weight" in done.stderr


def test_an_architecture_is_not_used_where_the_file_says_its_own(vit, tmp_path):
    model = ROOT / "weights/vit_fashion_mnist.safetensors"
    done = vit.convert(model, tmp_path / "m.safetensors", "--arch", "vit_tiny_patch16_224")
    assert "--arch vit_tiny_patch16_224 is not used" in done.stderr
