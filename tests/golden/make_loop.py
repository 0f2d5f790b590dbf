"""Fifty steps of training on real images by PyTorch and timm, in float64.

Run with `.venv/bin/python tests/golden/make_loop.py`; writes `loop/`: Fashion-MNIST's first images, a model before and after.
"""

import gzip
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent / "loop"
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "oracle"))
from training_loop import ARGUMENTS, MEAN, STD, Loop, make_model, real_images  # noqa: E402

SIZES = dict(embed_dim=24, depth=2, num_heads=2)


def write_model(folder, model):
    folder.mkdir()
    save_file({name: value.float().contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    arguments = {**ARGUMENTS, **SIZES}
    (folder / "config.json").write_text(json.dumps({
        "architecture": "vit_tiny_patch16_224", "num_classes": 10, "model_args": arguments,
        "pretrained_cfg": {"mean": [MEAN], "std": [STD], "crop_pct": 1.0}}, indent=1) + "\n")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    images, labels = real_images(OUT / "data", train=128, validate=8)
    for path in (OUT / "data").iterdir():
        (path.parent / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
    model = make_model(**SIZES)
    write_model(OUT / "before", model)
    # Images as float32 has them: vit-train's are.
    loop = Loop(images, labels, batch_size=16, lr=5e-3)
    loop.images = loop.images.double()
    losses, _ = loop.run(model.double(), torch.nn.functional.cross_entropy)
    write_model(OUT / "after", model)
    (OUT / "losses.json").write_text(json.dumps(losses) + "\n")
    print(f"loss {losses[0]:.4f} to {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
