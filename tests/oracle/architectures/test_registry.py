"""The table of architectures against timm itself."""

import json
import sys

import timm
import torch
from timm.models import _registry

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/golden"))
import make_registry  # noqa: E402


def test_the_table_is_what_timm_says(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["make_registry.py", "--check"])
    make_registry.main()  # exits where they differ


def test_old_names_are_understood_as_timm_understands_them(vit, tmp_path):
    old = {name: new for name, new in _registry._deprecated_models.items()
           if new and _registry._model_to_module[name] in ("vision_transformer", "deit")}
    assert len(old) == 28
    for name, new in list(old.items())[::7]:
        state = {"head.weight": torch.zeros(timm.get_pretrained_cfg(new).num_classes, 4), "head.bias": torch.zeros(3)}
        torch.save(state, tmp_path / "a.pt")
        done = vit.convert(tmp_path / "a.pt", "--inspect", "--format", "json", "--arch", name)
        assert json.loads(done.stdout)["architecture"] == new
