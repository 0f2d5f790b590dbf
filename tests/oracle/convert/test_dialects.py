"""Foreign forms of the same weights. Each file is made to its form; the oracle is what timm's own filter makes of it,
loaded strictly into timm's model."""

import functools

import numpy as np
import pytest
import timm
import torch
from timm.models.vision_transformer import checkpoint_filter_fn

from conftest import assert_close, config_file, random_model

# float32 sums in another order.
LOGITS = 1e-5
SMALL = dict(img_size=64, patch_size=16, embed_dim=48, depth=2, num_heads=3, num_classes=6)

deit_filter = functools.partial(checkpoint_filter_fn, adapt_layer_scale=True)


def replaced(state, *pairs):
    out = {}
    for key, value in state.items():
        for old, new in pairs:
            key = key.replace(old, new)
        out[key] = value
    return out


def openai_clip(state):
    out = {}
    for key, value in state.items():
        if key == "head.bias":
            continue
        if key == "head.weight":
            key, value = "proj", value.T.contiguous()
        elif key == "cls_token":
            key, value = "class_embedding", value[0, 0]
        elif key == "pos_embed":
            key, value = "positional_embedding", value[0]
        for old, new in [("patch_embed.proj", "conv1"), ("blocks.", "transformer.resblocks."), ("norm_pre", "ln_pre"),
                         ("norm1", "ln_1"), ("norm2", "ln_2"), ("attn.qkv.", "attn.in_proj_"),
                         ("attn.proj", "attn.out_proj"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")]:
            key = key.replace(old, new)
        key = "ln_post." + key[5:] if key.startswith("norm.") else key
        out["visual." + key] = value
    return {**out, "token_embedding.weight": torch.zeros(3, 2), "logit_scale": torch.tensor(1.0),
            "transformer.resblocks.0.ln_1.weight": torch.zeros(2)}


def dinov2(state):
    out = replaced(state, ("mlp.fc1.", "mlp.w12."), ("mlp.fc2.", "mlp.w3.")) if "w12" in state else dict(state)
    if "reg_token" in out:
        out["register_tokens"] = out.pop("reg_token")
        out["pos_embed"] = torch.cat([torch.randn(1, 1, 48), out["pos_embed"]], dim=1)
    return {**out, "mask_token": torch.zeros(1, 48)}


def dinov2_giant(state):
    return {**replaced(state, ("mlp.fc1.", "mlp.w12."), ("mlp.fc2.", "mlp.w3.")), "mask_token": torch.zeros(1, 48)}


def tipsv2(state):
    return {**{"vision_encoder." + k: v for k, v in dinov2(state).items()}, "text_encoder.w": torch.zeros(2)}


def open_clip(state):
    out = {"visual.trunk." + k: v for k, v in state.items() if not k.startswith("head.")}
    if "head.weight" in state:
        out["visual.head.proj.weight"] = state["head.weight"]
    return {**out, "text.token_embedding.weight": torch.zeros(3, 2), "logit_scale": torch.tensor(1.0)}


def beit3(state):
    out = {}
    for key, value in state.items():
        if key == "pos_embed":
            out["beit3.encoder.embed_positions.A.weight"] = torch.cat([torch.randn(2, value.shape[-1]), value[0]])
        elif key == "cls_token":
            out["beit3.vision_embed.cls_token"] = value
        elif key.startswith("patch_embed."):
            out["beit3.vision_embed." + key[len("patch_embed."):]] = value
        elif key.startswith("blocks."):
            _, block, rest = key.split(".", 2)
            where = f"beit3.encoder.layers.{block}."
            kind = rest.rsplit(".", 1)[1]
            if rest.startswith("attn.qkv."):
                for letter, part in zip("qkv", value.chunk(3)):
                    out[f"{where}self_attn.{letter}_proj.A.{kind}"] = part.clone()
                    out[f"{where}self_attn.{letter}_proj.B.{kind}"] = torch.zeros(1)
                continue
            for old, new in [("attn.norm.", "self_attn.inner_attn_ln.A."), ("attn.proj.", "self_attn.out_proj.A."),
                             ("norm1.", "self_attn_layer_norm.A."), ("norm2.", "final_layer_norm.A."),
                             ("mlp.norm.", "ffn.A.ffn_layernorm."), ("mlp.", "ffn.A.")]:
                if rest.startswith(old):
                    out[where + new + rest[len(old):]] = value
                    break
        else:
            out[key] = value
    return {**out, "beit3.text_embed.weight": torch.zeros(2, 3), "beit3.vision_embed.mask_token": torch.zeros(1, 1, 48)}


def aimv2(state):
    out = {}
    for key, value in state.items():
        key = (key.replace("mlp.fc1_g", "mlp.fc1").replace("mlp.fc1_x", "mlp.fc3").replace("norm1", "norm_1")
               .replace("norm2", "norm_2"))
        if key.startswith("patch_embed."):
            key = "preprocessor.patchifier." + key[len("patch_embed."):]
        elif key == "pos_embed":
            key = "preprocessor.pos_embed"
        elif key.startswith("norm."):
            key = "trunk.post_trunk_" + key
        elif key.startswith("blocks."):
            key = "trunk." + key
        out[key] = value
    return out


def radio(state):
    out = {}
    for key, value in state.items():
        if key == "patch_embed.proj.weight":
            out["patch_generator.embedder.weight"] = value.flatten(1)
        elif key == "pos_embed":
            out["patch_generator.pos_embed"] = torch.randn(1, 64, value.shape[-1])  # a grid of its own, 8 x 8
        elif key == "cls_token":
            out["patch_generator.cls_token.token"] = torch.cat([value[0], state["reg_token"][0]])
        elif key.startswith("blocks."):
            out[key.replace(".gamma", ".grandma")] = value
    out = {"radio_model.model." + k: v for k, v in out.items()}
    return {**out, "radio_model.summary_idxs": torch.arange(3), "radio_model.input_conditioner.norm_mean": torch.ones(3)}


FORMS = {
    "openai_clip": ("vit_base_patch16_clip_quickgelu_224", {}, openai_clip),
    "ddp_openai_clip": ("vit_base_patch16_clip_quickgelu_224", {},
                        lambda s: {"module." + k: v for k, v in openai_clip(s).items()}),
    "dinov2": ("vit_small_patch14_dinov2", dict(img_size=56, patch_size=14), dinov2),
    "dinov2_registers": ("vit_base_patch14_reg4_dinov2", dict(img_size=56, patch_size=14), dinov2),
    "dinov2_giant": ("vit_giant_patch14_dinov2", dict(img_size=56, patch_size=14), dinov2_giant),
    "tipsv2": ("vit_base_patch14_reg1_tipsv2", dict(img_size=56, patch_size=14), tipsv2),
    "open_clip": ("vit_base_patch16_clip_224", {}, open_clip),
    "open_clip_siglip": ("vit_base_patch16_siglip_224", dict(num_classes=0), open_clip),
    "open_clip_unused_head": ("vit_base_patch16_siglip_224", dict(num_classes=0),
                              lambda s: open_clip({**s, "head.weight": torch.randn(5, 48)})),
    "ijepa": ("vit_huge_patch14_gap_224", dict(patch_size=14, img_size=56),
              lambda s: {"encoder": {"module." + k: v for k, v in s.items()}, "epoch": 3,
                         "predictor": {"module.x": torch.zeros(1)}}),
    "beit3": ("beit3_base_patch16_224", {}, beit3),
    "aimv2": ("aimv2_large_patch14_224", dict(patch_size=14, img_size=56), aimv2),
    "radio_v3": ("vit_base_patch16_radio_v3", dict(num_classes=0), radio),
    "radio_v4": ("vit_huge_patch16_radio_v4", dict(num_classes=0), radio),
    "radio_rectangle": ("vit_base_patch16_radio_v3", dict(num_classes=0, img_size=(48, 80)), radio),
    "deit3_gamma": ("deit3_small_patch16_224", {},
                    lambda s: replaced(s, ("ls1.gamma", "gamma_1"), ("ls2.gamma", "gamma_2"))),
    "pre_logits": ("vit_base_patch16_224", {},
                   lambda s: {**s, "pre_logits.fc.weight": torch.zeros(48, 48), "pre_logits.fc.bias": torch.zeros(48)}),
    "linear_patches": ("vit_small_patch16_224", {},
                       lambda s: {**s, "patch_embed.proj.weight": s["patch_embed.proj.weight"].flatten(1)}),
}


def filter_of(name, architecture):
    if architecture.startswith("deit"):
        return deit_filter
    if "radio" in architecture:
        corners = any(n in architecture for n in timm.models.vision_transformer._RADIO_ALIGN_CORNERS)
        return functools.partial(checkpoint_filter_fn, interpolation="bilinear", antialias=False, align_corners=corners)
    return checkpoint_filter_fn


@pytest.mark.parametrize("name", FORMS)
def test_gives_what_timms_filter_gives(name, vit, tmp_path):
    architecture, changes, form = FORMS[name]
    arguments = {**SMALL, **changes}
    torch.manual_seed(3)
    foreign = form(random_model(architecture, **arguments).state_dict())
    torch.save(foreign, tmp_path / "foreign.pt")
    vit.convert(tmp_path / "foreign.pt", tmp_path / "n.safetensors", "--config",
                config_file(tmp_path / "config.json", architecture, arguments))

    model = timm.create_model(architecture, **arguments).eval()
    model.load_state_dict(filter_of(name, architecture)(dict(foreign), model), strict=True)
    size = arguments["img_size"]
    images = torch.randn(2, 3, *(size if isinstance(size, tuple) else (size, size)))
    with torch.no_grad():
        assert_close(vit.infer(tmp_path / "n.safetensors", images), model(images), LOGITS, name)


# Google's npz -------------------------------------------------------------------------------------------------------


def from_linear(weight):
    return weight.T


def jax_arrays(model, big_vision, prefix):
    """The arrays that Google's code would have saved for this model; timm's load_pretrained is the judge."""
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    heads = model.blocks[0].attn.num_heads
    out = {"embedding/kernel": state["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
           "embedding/bias": state["patch_embed.proj.bias"]}
    if "cls_token" in state:
        out["cls"] = state["cls_token"]
    out["pos_embedding" if big_vision else "Transformer/posembed_input/pos_embedding"] = state["pos_embed"]
    if "norm.weight" in state:
        out["Transformer/encoder_norm/scale"] = state["norm.weight"]
        out["Transformer/encoder_norm/bias"] = state["norm.bias"]
    if "head.weight" in state:
        out["head/kernel"], out["head/bias"] = state["head.weight"].T, state["head.bias"]

    def attention(where, kinds, weight, bias, proj_weight, proj_bias):
        for kind, w, b in zip(kinds, np.split(weight, len(kinds)), np.split(bias, len(kinds))):
            out[f"{where}{kind}/kernel"] = w.T.reshape(w.shape[1], heads, -1)
            out[f"{where}{kind}/bias"] = b.reshape(heads, -1)
        out[f"{where}out/kernel"] = proj_weight.T.reshape(heads, -1, proj_weight.shape[0])
        out[f"{where}out/bias"] = proj_bias

    a, m, n = (0, 0, 1) if big_vision else (1, 3, 2)
    for i in range(len(model.blocks)):
        where, block = f"Transformer/encoderblock_{i}/", f"blocks.{i}."
        attention(f"{where}MultiHeadDotProductAttention_{a}/", ("query", "key", "value"), state[block + "attn.qkv.weight"],
                  state[block + "attn.qkv.bias"], state[block + "attn.proj.weight"], state[block + "attn.proj.bias"])
        for index, norm in ((0, "norm1"), (n, "norm2")):
            out[f"{where}LayerNorm_{index}/scale"] = state[block + norm + ".weight"]
            out[f"{where}LayerNorm_{index}/bias"] = state[block + norm + ".bias"]
        for r in (0, 1):
            out[f"{where}MlpBlock_{m}/Dense_{r}/kernel"] = state[f"{block}mlp.fc{r + 1}.weight"].T
            out[f"{where}MlpBlock_{m}/Dense_{r}/bias"] = state[f"{block}mlp.fc{r + 1}.bias"]
    if "attn_pool.latent" in state:
        where = "MAPHead_0/"
        out[where + "probe"] = state["attn_pool.latent"]
        heads_of = f"{where}MultiHeadDotProductAttention_0/"
        attention(heads_of, ("key", "value"), state["attn_pool.kv.weight"], state["attn_pool.kv.bias"],
                  state["attn_pool.proj.weight"], state["attn_pool.proj.bias"])
        query = state["attn_pool.q.weight"]
        out[heads_of + "query/kernel"] = query.T.reshape(query.shape[1], heads, -1)
        out[heads_of + "query/bias"] = state["attn_pool.q.bias"].reshape(heads, -1)
        out[where + "LayerNorm_0/scale"] = state["attn_pool.norm.weight"]
        out[where + "LayerNorm_0/bias"] = state["attn_pool.norm.bias"]
        for r in (0, 1):
            out[f"{where}MlpBlock_0/Dense_{r}/kernel"] = state[f"attn_pool.mlp.fc{r + 1}.weight"].T
            out[f"{where}MlpBlock_0/Dense_{r}/bias"] = state[f"attn_pool.mlp.fc{r + 1}.bias"]
    return {prefix + k: v for k, v in out.items()}


def stacked(arrays, depth):
    """All blocks in one array each, as flax's scan leaves them."""
    first = "Transformer/encoderblock_0/"
    out = {k: v for k, v in arrays.items() if "encoderblock_" not in k}
    for key in [k for k in arrays if first in k]:
        out[key.replace("encoderblock_0", "encoderblock")] = np.stack(
            [arrays[key.replace("encoderblock_0", f"encoderblock_{i}")] for i in range(depth)])
    return out


JAX = {
    "augreg": ("vit_tiny_patch16_224", {}, False, ""),
    "augreg_with_optimizer": ("vit_tiny_patch16_224", {}, False, "opt/target/"),
    "big_vision": ("vit_tiny_patch16_224", {}, True, "params/"),
    "siglip": ("vit_base_patch16_siglip_224", dict(num_classes=0), True, "params/img/"),
    "flexivit": ("flexivit_small", {}, True, "params/"),
}


@pytest.mark.parametrize("name", JAX)
@pytest.mark.parametrize("scan", [False, True])
@pytest.mark.parametrize("source_size", [64, 96])
def test_gives_what_timm_loads_from_npz(name, scan, source_size, vit, tmp_path):
    """vit-infer takes each file of the model's own size as it is; vit-convert resamples those of another."""
    architecture, changes, big_vision, prefix = JAX[name]
    arguments = {**SMALL, **changes}
    source = random_model(architecture, **{**arguments, "img_size": source_size})
    arrays = jax_arrays(source, big_vision or scan, prefix)
    if scan:
        arrays = stacked(arrays, arguments["depth"])
    if prefix == "opt/target/":
        arrays["opt/state/step"] = np.array(3)
    if prefix == "params/img/":
        arrays["params/t"] = np.zeros(1, np.float32)
    np.savez(tmp_path / "a.npz", **arrays)
    source, options = tmp_path / "a.npz", ["--config", config_file(tmp_path / "config.json", architecture, arguments)]
    if source_size != arguments["img_size"]:
        vit.convert(source, tmp_path / "n.safetensors", *options)
        source, options = tmp_path / "n.safetensors", []

    model = timm.create_model(architecture, **arguments).eval()
    model.load_pretrained(str(tmp_path / "a.npz"))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert_close(vit.infer(source, images, *options), model(images), LOGITS, name)


def test_an_array_that_no_place_is_for_is_refused(vit, tmp_path):
    arguments = {**SMALL}
    arrays = jax_arrays(random_model("vit_tiny_patch16_224", **arguments), False, "")
    np.savez(tmp_path / "a.npz", **arrays, **{"Transformer/encoderblock_0/extra": np.zeros(3, np.float32)})
    done = vit.convert(tmp_path / "a.npz", tmp_path / "n.safetensors", "--config",
                       config_file(tmp_path / "config.json", "vit_tiny_patch16_224", arguments), rc=1)
    assert "Transformer/encoderblock_0/extra" in done.stderr


def test_the_norms_place_follows_its_name(vit, tmp_path):
    """Average pooling with `norm.` in the file is a norm before the pooling (fc_norm=False), whatever the default."""
    arguments = {**SMALL, "global_pool": "avg"}
    model = random_model("vit_tiny_patch16_224", **arguments, fc_norm=False)
    torch.save(model.state_dict(), tmp_path / "a.pt")
    done = vit.convert(tmp_path / "a.pt", tmp_path / "n.safetensors", "--config",
                       config_file(tmp_path / "config.json", "vit_tiny_patch16_224", arguments))
    assert "before the pooling" in done.stderr
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert_close(vit.infer(tmp_path / "n.safetensors", images), model(images), LOGITS)
