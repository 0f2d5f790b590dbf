"""Writes src/config/registry_data.cpp: timm's ViT and DeiT architectures and published weight tags, as data.

    .venv/bin/python tests/golden/make_registry.py            # rewrite the table, and what it is tested with
    .venv/bin/python tests/golden/make_registry.py --check    # exit 1 where the table differs from timm

tests/golden/registry.json is the judge: for every tag what timm resolves (resolve_data_config and the built model), for
every architecture its parameter count and a digest of its state dict's names and shapes.

An architecture's arguments are what its entry function hands to the model's constructor; classes and
partials among them become names. A tag holds what differs from the defaults of timm's `_cfg`.
"""

import argparse
import functools
import inspect
import json
import pathlib
import sys
import warnings
from unittest import mock

import timm
import torch
from timm.models import _registry, deit, vision_transformer

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "src/config/registry_data.cpp"
GOLDEN = pathlib.Path(__file__).with_name("registry.json")
MODULES = ("vision_transformer", "deit")
NORMS = {"LayerNorm": "layernorm", "RmsNorm": "rmsnorm"}
TAG_DEFAULTS = {
    "input_size": [3, 224, 224],
    "fixed_input_size": True,
    "interpolation": "bicubic",
    "crop_pct": 0.9,
    "crop_mode": "center",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "num_classes": 1000,
}


def entry_arguments(name):
    """The keyword arguments that the entry function of `name` gives to the constructor."""
    seen = {}

    def record(variant, pretrained=False, **kwargs):
        assert variant == name and not pretrained
        seen.update(kwargs)

    with mock.patch.object(vision_transformer, "_create_vision_transformer", record), \
            mock.patch.object(deit, "_create_deit", record):
        _registry._model_entrypoints[name]()
    return seen


def default_eps(cls):
    return inspect.signature(cls.__init__).parameters["eps"].default


def norm_arguments(key, value):
    """A norm layer as its name and, where it is not 1e-6, its eps."""
    if isinstance(value, str):
        return {key: value}
    keywords = {}
    if isinstance(value, functools.partial):
        value, keywords = value.func, value.keywords
    assert set(keywords) <= {"eps"}, keywords
    eps = keywords.get("eps", default_eps(value))
    named = {key: NORMS[value.__name__]}
    if eps != 1e-6:
        named[key.replace("layer", "eps")] = eps
    return named


def plain_argument(key, value):
    if key.endswith("norm_layer"):
        return norm_arguments(key, value)
    if key == "mlp_layer" and isinstance(value, functools.partial):
        # GluMlp(act_layer=SiLU, gate_last=False) is what timm calls SwiGLUPacked.
        assert value.func.__name__ == "GluMlp" and not value.keywords["gate_last"]
        assert value.keywords["act_layer"].__name__ == "SiLU"
        return {key: "swiglu_packed"}
    if inspect.isclass(value):
        return {key: value.__name__ if key == "block_fn" else value.__name__.lower()}
    assert isinstance(value, (bool, int, float, str)), (key, value)
    return {key: value}


def architecture(name):
    arguments = entry_arguments(name)
    tag = arguments.pop("pretrained_cfg", None)
    assert tag is None, name
    plain = {}
    for key, value in arguments.items():
        plain.update(plain_argument(key, value))
    return plain


def tag_entry(config):
    entry = {}
    for key, default in TAG_DEFAULTS.items():
        value = getattr(config, key)
        value = list(value) if isinstance(value, tuple) else value
        if value != default:
            entry[key] = value
    assert not config.label_offset
    if not config.has_weights:
        entry["untrained"] = True
    return entry


def registry():
    names = sorted(
        n for m in MODULES for n in _registry._module_to_models[m] if n not in _registry._deprecated_models)
    architectures = {name: architecture(name) for name in names}
    tags = {
        name: {tag: tag_entry(_registry._model_default_cfgs[name].cfgs[tag])
               for tag in _registry._model_default_cfgs[name].tags}
        for name in names if name in _registry._model_default_cfgs
    }
    aliases = {old: new for m in MODULES for old, new in _registry._module_to_deprecated_models[m].items()}
    return architectures, tags, dict(sorted(aliases.items()))


def line(value):
    return json.dumps(value, separators=(",", ":"))


def block(name, entries):
    rows = ",\n".join(f"{line(key)}:{line(value)}" for key, value in entries.items())
    return f'"{name}":{{\n{rows}}}'


def render():
    architectures, tags, aliases = registry()
    body = ",\n".join([
        block("tag_defaults", TAG_DEFAULTS),
        block("architectures", architectures),
        block("tags", tags),
        block("aliases", aliases),
    ])
    # Compilers bound the length of one literal: adjacent ones are joined by the compiler.
    chunks, rest = [], "{" + body + "}\n"
    while rest:
        cut = rest.rfind("\n", 0, 12000) + 1
        chunks.append(rest[:cut])
        rest = rest[cut:]
    literals = "\n".join(f'R"json({chunk})json"' for chunk in chunks)
    return (f"// Made by tests/golden/make_registry.py from timm {timm.__version__}: do not edit.\n"
            "// clang-format off\n"
            '#include "config/registry_data.h"\n\n'
            "namespace vit::config {\n\n"
            f"const char* const kRegistryJson =\n{literals};\n\n"
            "}  // namespace vit::config\n")


def fnv1a(text):
    """64 bits of FNV-1a: enough to tell two lists of names apart, and five lines in any language."""
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:016x}"


def build(name):
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return timm.create_model(name)


def judged(name):
    """What timm itself makes of one tag."""
    model = build(name)
    data = timm.data.resolve_data_config(model=model)
    grid = model.patch_embed
    return model, {
        "mean": list(data["mean"]), "std": list(data["std"]), "interpolation": data["interpolation"],
        "crop_pct": data["crop_pct"], "crop_mode": data["crop_mode"], "num_classes": model.num_classes,
        "img_size": list(grid.img_size), "in_c": model.in_chans,
    }


def golden():
    architectures, tags, _ = registry()
    out = {"architectures": {}, "tags": {}}
    for name in architectures:
        model, entry = judged(name)
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        lines = "".join(f"{key} {shapes[key]}\n" for key in sorted(shapes))
        out["architectures"][name] = {
            "parameters": sum(value.numel() for value in model.state_dict().values()), "digest": fnv1a(lines)}
        out["tags"][name] = entry
        for tag in tags.get(name, {}):
            if tag:
                out["tags"][f"{name}.{tag}"] = judged(f"{name}.{tag}")[1]
    rows = [block(key, value) for key, value in out.items()]
    return "{" + ",\n".join(rows) + "}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    text = render()
    if not arguments.check:
        GOLDEN.write_text(golden())
        OUTPUT.write_text(text)
    elif OUTPUT.read_text() != text:
        sys.exit(f"{OUTPUT} differs from timm {timm.__version__}: run {pathlib.Path(__file__).name}")


if __name__ == "__main__":
    main()
