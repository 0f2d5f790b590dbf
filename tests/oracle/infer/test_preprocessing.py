"""What the model sees of an image: `vit-infer --preprocess-only` against timm's transform, bit for bit."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.models import save_for_hf

from images import all_images

HALF, ONES = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
CLIP = dict(mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))

CONFIGURATIONS = {
    "vit": dict(size=(224, 224), mean=HALF, std=HALF, interpolation="bicubic", crop_pct=0.9, crop_mode="center"),
    "clip": dict(size=(224, 224), **CLIP, interpolation="bicubic", crop_pct=1.0, crop_mode="center"),
    "imagenet": dict(size=(240, 240), **IMAGENET, interpolation="bilinear", crop_pct=0.875, crop_mode="center"),
    "siglip": dict(size=(256, 256), mean=HALF, std=HALF, interpolation="bicubic", crop_pct=0.9, crop_mode="squash"),
    "border": dict(size=(224, 224), **IMAGENET, interpolation="bicubic", crop_pct=0.95, crop_mode="border"),
    "wide": dict(size=(160, 288), **IMAGENET, interpolation="bicubic", crop_pct=0.95, crop_mode="center"),
    "tall_squash": dict(size=(288, 96), **CLIP, interpolation="lanczos", crop_pct=1.0, crop_mode="squash"),
    "raw": dict(size=(32, 32), mean=(0.0, 0.0, 0.0), std=ONES, interpolation="hamming", crop_pct=0.8,
                crop_mode="center"),
    "box": dict(size=(112, 112), mean=HALF, std=HALF, interpolation="box", crop_pct=0.9, crop_mode="center"),
    "nearest": dict(size=(64, 64), mean=HALF, std=HALF, interpolation="nearest", crop_pct=0.7, crop_mode="center"),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    paths = all_images(tmp_path_factory.mktemp("images"))
    assert len(paths) >= 60
    return [(path, Image.open(path).convert("RGB")) for path in paths]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_equals_timms_transform(name, vit, images, tmp_path):
    settings = dict(CONFIGURATIONS[name])
    size = settings.pop("size")
    model = timm.create_model("vit_tiny_patch16_224", depth=1, img_size=size,
                              pretrained_cfg_overlay=dict(input_size=(3, *size), **settings))
    save_for_hf(model, tmp_path / "model", safe_serialization=True,
                model_args=dict(depth=1, img_size=size))
    listed = tmp_path / "list.txt"
    out = tmp_path / "out.npy"
    listed.write_text("\n".join(str(path) for path, _ in images))
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))

    def expected(image):
        try:
            return transform(image)
        except ValueError:  # A line that `border` shrinks to nothing: Pillow refuses, and so must we.
            return torch.full((3, *size), torch.nan)

    inputs = [expected(image) for _, image in images]
    refused = sum(bool(x.isnan().any()) for x in inputs)
    assert refused <= 2
    vit.run("vit-infer", "-m", tmp_path / "model", "-", "--preprocess-only", "-o", out, "--device", "cpu",
            "--on-error", "skip", stdin=listed, rc=1 if refused else 0)
    found = torch.from_numpy(np.load(out))
    assert found.shape == (len(images), 3, *size)
    different = [str(path) for (path, _), x, row in zip(images, inputs, found)
                 if not torch.equal(x, row) and not (x.isnan().all() and row.isnan().all())]
    assert not different
