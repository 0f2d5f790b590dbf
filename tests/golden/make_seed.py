"""Golden files of the seed's Vision Transformer, made by the seed's own Python.

    .venv/bin/python tests/golden/make_seed.py [--seed-file ../shared/seed/vit.py] [--output tests/golden/seed]

One safetensors file a configuration, in float64 (parameters and input are stored as float32, whose values they are):
`input`, `output` (eval), `patch_embed`, `block.N` and `norm` (what these modules give, eval), `param.NAME`, and from
training mode with every dropout probability set to 0: `train.output`, `train.dist_output` and `grad.NAME`, the
gradients of sum(output * cotangent) + sum(dist_output * dist_cotangent). The metadata hold the configuration (`config`,
the `model` keys of our JSON) and the names of Python's state_dict() in its order (`state_dict`).
"""

import argparse
import importlib.util
import json
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file

from recording import draw_parameters, record_gradients, record_outputs, storable

ROOT = Path(__file__).resolve().parents[2]
SMALL = dict(img_size=24, patch_size=6, num_classes=5, embed_dim=12, depth=2, num_heads=3)

CONFIGURATIONS = {
    "plain": {},
    "one_channel": dict(in_c=1, img_size=30, depth=1),
    "rest_of_the_image_cut_off": dict(in_c=2, img_size=23, patch_size=5, depth=1, num_heads=1),
    "no_head": dict(num_classes=0),
    "no_qkv_bias": dict(qkv_bias=False),
    "qk_scale": dict(qk_scale=0.3),
    "qk_scale_zero": dict(qk_scale=0.0, depth=1),
    "representation": dict(representation_size=7),
    "representation_zero": dict(representation_size=0, depth=1),
    "representation_no_head": dict(representation_size=7, num_classes=0, depth=1),
    "distilled": dict(distilled=True),
    "distilled_representation": dict(distilled=True, representation_size=7, depth=1),
    "distilled_no_head": dict(distilled=True, num_classes=0, depth=1),
    "distilled_one_channel_no_qkv_bias": dict(distilled=True, in_c=1, qkv_bias=False, depth=3),
    "mlp_ratio": dict(mlp_ratio=2.3),
    "drop": dict(drop_ratio=0.1, attn_drop_ratio=0.2),
    "drop_path": dict(drop_path_ratio=0.4, depth=3),
    "drop_all_distilled": dict(drop_ratio=0.3, attn_drop_ratio=0.1, drop_path_ratio=0.2, distilled=True),
    "wide": dict(embed_dim=24, num_heads=4, depth=1, mlp_ratio=1.5),
    "replaced_layers": dict(depth=1),
}


def replaced_layers(seed):
    """embed_layer, norm_layer and act_layer of the caller's; the test builds the same in C++."""
    def embed_layer(img_size, patch_size, in_c, embed_dim, norm_layer):
        return seed.PatchEmbed(img_size, patch_size, in_c, embed_dim, None)

    return dict(embed_layer=embed_layer, norm_layer=partial(torch.nn.LayerNorm, eps=1e-2), act_layer=torch.nn.Tanh())


def starts_at_one(name, parameter):
    return parameter.dim() == 1 and "norm" in name and name.endswith("weight")


def make(seed, index, name):
    arguments = SMALL | CONFIGURATIONS[name]
    layers = replaced_layers(seed) if name == "replaced_layers" else {}
    generator = torch.Generator().manual_seed(1000 + index)
    model = seed.VisionTransformer(**arguments, **layers).double()
    draw_parameters(model, generator, starts_at_one)
    image = torch.randn(2, model.patch_embed.proj.in_channels, arguments["img_size"], arguments["img_size"],
                        generator=generator)
    watched = {"patch_embed": model.patch_embed, "norm": model.norm}
    watched |= {f"block.{i}": block for i, block in enumerate(model.block)}
    tensors = {"input": image} | record_outputs(model, image.double(), watched)
    tensors |= record_gradients(model, image.double(), generator)
    metadata = {"config": json.dumps(arguments), "state_dict": json.dumps(list(model.state_dict()))}
    return storable(tensors), metadata


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed-file", type=Path, default=ROOT / "../shared/seed/vit.py")
    parser.add_argument("--output", type=Path, default=ROOT / "tests/golden/seed")
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("seed_vit", arguments.seed_file)
    seed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seed)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(CONFIGURATIONS):
        tensors, metadata = make(seed, index, name)
        save_file(tensors, arguments.output / f"{name}.safetensors", metadata)


if __name__ == "__main__":
    main()
