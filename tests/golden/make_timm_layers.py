"""Golden files of timm's VisionTransformer, one for each option of ours that the seed does not have.

    .venv/bin/python tests/golden/make_timm_layers.py [--output tests/golden/timm_layers] [--architectures]

The files are as make_seed.py makes them, with the seed's names of the blocks (`block.N`). `--architectures` writes all
179 architectures of timm instead, shrunk, for a comparison by hand (VIT_TIMM_LAYERS names their folder to the test).
"""

import argparse
import functools
import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from timm.layers import GluMlp, LayerNorm, Mlp, RmsNorm, SwiGLU, SwiGLUPacked
from timm.models import deit, vision_transformer

from recording import draw_parameters, record_gradients, record_outputs, storable

ROOT = Path(__file__).resolve().parents[2]
# timm's own model, in our options, small.
BASE = dict(patch_norm=False, dist_head="timm", proj_drop_rate=0.0, proj_bias=True)
SMALL = dict(img_size=8, patch_size=4, num_classes=5, embed_dim=16, depth=2, num_heads=2, mlp_ratio=2.0)
OURS_ALONE = {"patch_norm", "dist_head", "distilled", "norm_eps", "embed_norm_eps"}
NORMS = {"layernorm": LayerNorm, "rmsnorm": RmsNorm}
MLPS = {"mlp": Mlp, "glumlp": GluMlp, "swiglu": SwiGLU, "swiglu_packed": SwiGLUPacked}

CONFIGURATIONS = {
    "plain": {},
    "distilled": dict(distilled=True),
    "average_pool": dict(global_pool="avg", depth=1),
    "average_pool_without_fc_norm": dict(global_pool="avg", fc_norm=False, class_token=False, depth=1),
    "average_and_maximum_of_all_tokens": dict(global_pool="avgmax", pool_include_prefix=True, depth=1),
    "maximum_pool": dict(global_pool="max", depth=1),
    "no_pool": dict(global_pool="", reg_tokens=2, depth=1),
    "fc_norm_of_the_class_token": dict(fc_norm=True, depth=1),
    "attention_pool": dict(global_pool="map", class_token=False, act_layer="gelu_tanh", depth=1),
    "attention_pool_after_registers": dict(global_pool="map", reg_tokens=3, depth=1),
    "attention_pool_of_all_tokens": dict(global_pool="map", reg_tokens=1, pool_include_prefix=True, depth=1),
    "prr_pool": dict(global_pool="prr", depth=1),
    "prr_pool_without_class_token": dict(global_pool="prr", class_token=False, depth=1),
    "pre_norm_quick_gelu": dict(pre_norm=True, act_layer="quick_gelu", norm_layer="layernorm", norm_eps=1e-2),
    "registers_not_embedded": dict(reg_tokens=4, no_embed_class=True, init_values=1e-5),
    "no_position_embedding": dict(pos_embed="none", reg_tokens=1, depth=1),
    "no_final_norm_no_head": dict(final_norm=False, fc_norm=False, num_classes=0, depth=1),
    "swiglu_packed": dict(mlp_layer="swiglu_packed", act_layer="silu", init_values=1.0),
    "glu": dict(mlp_layer="glumlp", act_layer="mish", scale_mlp_norm=True, depth=1),
    "swiglu_rms_norm_no_bias": dict(mlp_layer="swiglu", act_layer="silu", norm_layer="rmsnorm", norm_eps=1e-2,
                                    embed_norm_layer="rmsnorm", embed_norm_eps=1e-1, qkv_bias=False, proj_bias=False,
                                    class_token=False, global_pool="avg", fc_norm=False),
    "scale_norms": dict(scale_attn_norm=True, scale_mlp_norm=True),
    "query_and_key_norms": dict(qk_norm=True, depth=1),
    "projection_bias_alone": dict(qkv_bias=False, depth=1),
    "differential_attention": dict(attn_layer="diff", init_values=1e-5),
    "differential_attention_with_norms": dict(attn_layer="diff", qk_norm=True, scale_attn_norm=True, norm_layer="rmsnorm"),
    "parallel_things": dict(block_fn="ParallelThingsBlock", init_values=1e-5, depth=1),
    "parallel_scaling": dict(block_fn="ParallelScalingBlock", depth=1),
    "parallel_scaling_no_bias": dict(block_fn="ParallelScalingBlock", qkv_bias=False, qk_norm=True, init_values=1e-5,
                                     norm_layer="rmsnorm"),
    "differential_parallel_scaling": dict(block_fn="DiffParallelScalingBlock", init_values=1e-5),
    "differential_parallel_scaling_no_bias": dict(block_fn="DiffParallelScalingBlock", qkv_bias=False, proj_bias=False,
                                                  qk_norm=True, depth=1),
    "res_post": dict(block_fn="ResPostBlock", init_values=1e-5, depth=1),
    "dynamic_size": dict(dynamic_img_size=True, depth=1),
    "dynamic_size_not_embedded": dict(dynamic_img_size=True, no_embed_class=True, reg_tokens=1, depth=1),
    "dynamic_size_padded": dict(dynamic_img_size=True, dynamic_img_pad=True, depth=1),
}
# Images of another size than the model's: [H, W].
IMAGES = {"dynamic_size": (16, 12), "dynamic_size_not_embedded": (12, 20), "dynamic_size_padded": (15, 9)}


def timm_arguments(options):
    """Our options as keyword arguments of timm's constructor."""
    arguments = {key: value for key, value in options.items() if key not in OURS_ALONE}
    arguments["in_chans"] = arguments.pop("in_c", 3)
    for key in ("norm_layer", "embed_norm_layer"):
        if key in arguments:
            eps = options.get(key.replace("layer", "eps"), 1e-6)
            arguments[key] = functools.partial(NORMS[arguments[key]], eps=eps)
    if "block_fn" in arguments:
        arguments["block_fn"] = getattr(vision_transformer, arguments["block_fn"])
    if "mlp_layer" in arguments:
        arguments["mlp_layer"] = MLPS[arguments["mlp_layer"]]
    return arguments


def our_options(arguments):
    """An architecture's keyword arguments as our options, shrunk."""
    options = {}
    for key, value in arguments.items():
        if key in ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "num_classes", "weight_init", "in_chans"):
            continue
        if key.endswith("norm_layer"):
            keywords = {}
            if isinstance(value, functools.partial):
                value, keywords = value.func, value.keywords
            options[key] = value if isinstance(value, str) else {LayerNorm: "layernorm", RmsNorm: "rmsnorm"}[value]
            options[key.replace("layer", "eps")] = keywords.get("eps", 1e-6)
        elif key == "mlp_layer":
            options[key] = next(name for name, layer in MLPS.items()
                                if layer is value or getattr(value, "keywords", 0) == getattr(layer, "keywords", 1))
        elif key == "act_layer" and not isinstance(value, str):
            options[key] = {torch.nn.SiLU: "silu"}[value]
        elif key == "block_fn":
            options[key] = value.__name__
        else:
            options[key] = value
    return options


def architectures():
    """Our options of every architecture of timm's two modules."""
    seen = {}

    class Found(Exception):
        pass

    def record(self, *_, **arguments):
        raise Found(our_options(arguments) | ({"distilled": True} if type(self) is deit.VisionTransformerDistilled else {}))

    constructor = vision_transformer.VisionTransformer.__init__
    vision_transformer.VisionTransformer.__init__ = record
    for name in timm.list_models(module="vision_transformer") + timm.list_models(module="deit"):
        try:
            timm.create_model(name)
        except Found as found:
            seen[name] = found.args[0] | {"embed_dim": 24}
    vision_transformer.VisionTransformer.__init__ = constructor
    return seen


def starts_at_one(name, parameter):
    return parameter.dim() == 1 and name.endswith(("weight", "gamma"))


def build(options):
    if options.get("distilled"):
        model = deit.VisionTransformerDistilled(**timm_arguments(options))
        model.set_distilled_training(True)
        return model
    return vision_transformer.VisionTransformer(**timm_arguments(options))


def state_dict_names(model):
    """In timm's order, but for dist_token, which stands before pos_embed as in the seed."""
    names = [name.replace("blocks.", "block.") for name in model.state_dict()]
    if "dist_token" in names:
        names.remove("dist_token")
        names.insert(names.index("pos_embed"), "dist_token")
    return names


def make(options, index, size):
    generator = torch.Generator().manual_seed(2000 + index)
    model = build(options).double()
    draw_parameters(model, generator, starts_at_one)
    image = torch.randn(2, 3, *size, generator=generator)
    watched = {"norm": model.norm} | {f"block.{i}": block for i, block in enumerate(model.blocks)}
    tensors = {"input": image} | record_outputs(model, image.double(), watched)
    with torch.no_grad():
        tensors["pooled"] = model.forward_head(model.forward_features(image.double()), pre_logits=True)
    tensors |= record_gradients(model, image.double(), generator)
    metadata = {"config": json.dumps(options), "state_dict": json.dumps(state_dict_names(model))}
    return storable(tensors), metadata


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "tests/golden/timm_layers")
    parser.add_argument("--architectures", action="store_true")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    configurations = architectures() if arguments.architectures else CONFIGURATIONS
    for index, (name, options) in enumerate(configurations.items()):
        tensors, metadata = make(BASE | SMALL | options, index, IMAGES.get(name, (8, 8)))
        path = arguments.output / f"{name}.safetensors"
        save_file(tensors, path, metadata)
        path.chmod(0o644)


if __name__ == "__main__":
    main()
