"""The table of architectures against timm itself."""

import subprocess
import sys

from conftest import ROOT


def test_the_table_is_what_timm_says():
    script = ROOT / "tests/golden/make_registry.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_old_names_are_understood_as_timm_understands_them(vit, tmp_path):
    import json

    import timm
    import torch
    from timm.models import _registry

    old = {name: new for name, new in _registry._deprecated_models.items()
           if new and _registry._model_to_module[name] in ("vision_transformer", "deit")}
    assert len(old) == 28
    for name, new in list(old.items())[::7]:
        state = {"head.weight": torch.zeros(timm.get_pretrained_cfg(new).num_classes, 4), "head.bias": torch.zeros(3)}
        torch.save(state, tmp_path / "a.pt")
        done = vit.convert(tmp_path / "a.pt", "--inspect", "--format", "json", "--arch", name)
        assert json.loads(done.stdout)["architecture"] == new
