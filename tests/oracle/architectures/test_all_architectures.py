"""Each of timm's ViT and DeiT architectures, small, through the command line and back.

The folder that timm itself saves goes through vit-convert and vit-infer; logits and features must be timm's. Then
vit-convert writes timm's form, which timm must load, leniently and strictly, with equal tensors and equal outputs.
A second test leaves the image size to the architecture, for one architecture of each size and preprocessing.
"""

import functools
import json
import warnings

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

from conftest import assert_close, random_model, stored_config

# float32 sums in another order, through two or three blocks of at most a few hundred wide.
LOGITS = 1e-5

ARCHITECTURES = sorted(name for module in ("vision_transformer", "deit") for name in timm.list_models(module=module))


@functools.cache
def small_arguments(name):
    """Model arguments that keep what makes the architecture itself but its size."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shallow = timm.create_model(name, depth=1, weight_init="skip")
    patch = shallow.patch_embed.patch_size
    block = shallow.blocks[0]
    attention = block if hasattr(block, "num_heads") else block.attns[0].attn if hasattr(block, "attns") else block.attn
    return dict(depth=2 + ARCHITECTURES.index(name) % 2, embed_dim=16 * attention.num_heads,
                img_size=(3 * patch[0], 4 * patch[1]), num_classes=7)


def small(name):
    return dict(small_arguments(name))


@pytest.fixture(scope="module")
def table():
    rows = {}
    yield rows
    print(f"\n{'architecture':<48} {'logits':>10} {'features':>10} {'round trip':>10}")
    for name, errors in sorted(rows.items()):
        print(f"{name:<48} " + " ".join(f"{error:>10.1e}" for error in errors))
    print(f"{len(rows)} of {len(ARCHITECTURES)} within {LOGITS:.0e}")


def test_there_are_179():
    assert len(ARCHITECTURES) == 179


def test_the_registry_lists_them_all(vit):
    listed = set(vit.convert("--list-models").stdout.split())
    assert set(ARCHITECTURES) <= listed


def check_configuration(native, name, arguments):
    """What the model file says of itself."""
    config = stored_config(native)
    assert config["architecture"] == name
    assert config["model"]["depth"] == arguments["depth"]
    assert config["model"]["embed_dim"] == arguments["embed_dim"]


def load_local(folder):
    return timm.create_model(f"local-dir:{folder}", pretrained=True, weight_init="skip").eval()


def assert_same_tensors(found, expected):
    found, expected = found.state_dict(), expected.state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def check_round_trip(vit, native, folder, model, images, expected):
    vit.convert(native, folder, "--to", "timm")
    loaded = load_local(folder)
    assert_same_tensors(loaded, model)
    with torch.no_grad():
        error = assert_close(loaded(images), expected, 0.0, "timm's own loading")
    # Strictly, without timm's filters: the file's names are the model's, and so are its tensors.
    loaded.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    assert_same_tensors(loaded, model)
    return error


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gives_timms_numbers_and_goes_back(name, vit, tmp_path, table):
    arguments = small(name)
    model = random_model(name, **arguments)
    save_for_hf(model, tmp_path / "folder", safe_serialization=True)
    images = torch.randn(2, 3, *arguments["img_size"], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(images)
        features = model.forward_head(model.forward_features(images), pre_logits=True)

    native = tmp_path / "native.safetensors"
    vit.convert(tmp_path / "folder", native)
    errors = [assert_close(vit.infer(native, images), expected, LOGITS, name),
              assert_close(vit.infer(native, images, "--features", "pooled"), features, LOGITS, "features")]
    check_configuration(native, name, arguments)
    errors.append(check_round_trip(vit, native, tmp_path / "back", model, images, expected))
    table[name] = errors


def one_of_each_size_and_preprocessing():
    """test_registry compares them for all architectures; here is how they go through a folder."""
    sorts = {}
    for name in ARCHITECTURES:
        config = timm.get_pretrained_cfg(name)
        fields = ("input_size", "fixed_input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")
        arguments = small_arguments(name)
        patch = arguments["img_size"][0] // 3, arguments["img_size"][1] // 4
        sorts.setdefault((patch, *(getattr(config, field) for field in fields)), name)
    return sorted(sorts.values())


@pytest.mark.parametrize("name", one_of_each_size_and_preprocessing())
def test_architecture_and_model_args_alone_mean_what_create_model_does(name, vit, tmp_path):
    arguments = {**small(name), "depth": 1}  # images are large here
    del arguments["img_size"]
    model = random_model(name, **arguments)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": name, "model_args": arguments}))
    vit.convert(tmp_path / "weights.safetensors", tmp_path / "folder", "--to", "timm", "--config",
                tmp_path / "config.json")
    # The folder is a model for us too, and the same one.
    images = torch.randn(1, 3, *model.patch_embed.img_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert_close(vit.infer(tmp_path / "folder", images), model(images), LOGITS, name)
    back = load_local(tmp_path / "folder")
    assert back.patch_embed.img_size == model.patch_embed.img_size
    assert_same_tensors(back, model)
    # A tuple that went through a file is a list.
    wanted, found = (json.loads(json.dumps(timm.data.resolve_data_config(model=m))) for m in (model, back))
    assert {**found, "input_size": None} == {**wanted, "input_size": None}
    assert tuple(found["input_size"][1:]) == tuple(model.patch_embed.img_size)


@pytest.mark.parametrize("name", ["test_vit", "vit_intern300m_patch14_448"])
def test_a_dynamic_model_keeps_its_size_from_timms_own_folder(name, vit, tmp_path):
    arguments = small(name)
    del arguments["img_size"]
    model = random_model(name, **arguments)
    save_for_hf(model, tmp_path / "folder", safe_serialization=True, model_args=arguments)
    vit.convert(tmp_path / "folder", tmp_path / "native.safetensors")
    vit.convert(tmp_path / "native.safetensors", tmp_path / "back", "--to", "timm")
    assert_same_tensors(load_local(tmp_path / "back"), model)
    inspected = json.loads(vit.convert(tmp_path / "back", "--inspect", "--format", "json").stdout)
    assert inspected["architecture"] == name and inspected["problem"] is None
    assert inspected["parameters"] == sum(v.numel() for v in model.state_dict().values())


@pytest.mark.parametrize("name", ["vit_base_patch16_clip_224", "deit3_small_patch16_224", "vit_giant_patch14_dinov2",
                                  "vit_base_patch16_siglip_224", "aimv2_large_patch14_224"])
def test_exchanging_two_tensors_of_one_shape_is_noticed(name, vit, tmp_path):
    arguments = small(name)
    model = random_model(name, **arguments)
    images = torch.randn(2, 3, *arguments["img_size"], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(images)
    save_for_hf(model, tmp_path / "folder", safe_serialization=True)
    assert_close(vit.infer(tmp_path / "folder", images), expected, LOGITS, name)
    state = load_file(tmp_path / "folder/model.safetensors")
    keys = sorted(state)
    pairs = [(a, b) for i, a in enumerate(keys) for b in keys[i + 1:] if state[a].shape == state[b].shape]
    for a, b in pairs[:: max(1, len(pairs) // 6)]:
        save_file({**state, a: state[b], b: state[a]}, tmp_path / "folder/model.safetensors")
        with pytest.raises(AssertionError, match="off by"):
            assert_close(vit.infer(tmp_path / "folder", images), expected, LOGITS, f"{a} and {b}")
