"""Makes tests/golden/timm: a small ViT of the real timm, with its logits on one input.

    .venv/bin/python tests/golden/make_timm.py

`vit_tiny_cut.pt` is the state dict, `vit_tiny_cut.json` the config.json that a Hub folder would
have, `vit_tiny_cut_ref.safetensors` an `input`, the `output` and each module's output, in float32.
"""

import json
import pathlib

import timm
import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent / "timm"
ARCHITECTURE = "vit_tiny_patch16_224"
MODEL_ARGS = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
LABELS = ["t-shirt", "trouser", "pullover", "dress", "coat",
          "sandal", "shirt", "sneaker", "bag", "ankle boot"]


def main():
    torch.manual_seed(0)
    model = timm.create_model(ARCHITECTURE, num_classes=len(LABELS), **MODEL_ARGS).eval()
    # No parameter keeps a zero or a one, so that exchanging two of one shape changes the logits.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            offset = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(offset + 0.2 * torch.randn_like(parameter))

    reference = {"input": torch.randn(2, 3, 32, 32)}
    for name, module in model.named_modules():
        if name in ("patch_embed", "norm") or (name.startswith("blocks.") and name.count(".") == 1):
            module.register_forward_hook(
                lambda _, __, output, key=name: reference.__setitem__(key, output.detach().clone()))
    with torch.no_grad():
        reference["output"] = model(reference["input"])

    FOLDER.mkdir(exist_ok=True)
    torch.save(model.state_dict(), FOLDER / "vit_tiny_cut.pt")
    save_file({k: v.contiguous() for k, v in reference.items()}, FOLDER / "vit_tiny_cut_ref.safetensors")
    config = {
        "architecture": ARCHITECTURE,
        "num_classes": len(LABELS),
        "num_features": model.num_features,
        "global_pool": "token",
        "model_args": MODEL_ARGS,
        "label_names": LABELS,
        "pretrained_cfg": {
            "input_size": [3, 32, 32], "fixed_input_size": True, "interpolation": "bicubic",
            "crop_pct": 0.9, "crop_mode": "center", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
            "num_classes": len(LABELS), "pool_size": None, "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }
    (FOLDER / "vit_tiny_cut.json").write_text(json.dumps(config, indent=2) + "\n")


main()
