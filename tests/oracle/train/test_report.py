"""report.html of a run folder, opened by headless Chromium while the run stands and when it has ended."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from browser import chromium, needs_chromium
from conftest import log_rows
from test_train import CLASSES, MODEL, write_idx


def words(root, out, *more):
    return ["--data", root / "data", "-o", out, "--epochs", 3, "--batch-size", 8, "--log-every", 2, "--threads", 1,
            "--device", "cpu", *more, "--model-arg", *MODEL]


@pytest.fixture(scope="module")
def run(vit, tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    (root / "data").mkdir()
    write_idx(root / "data", "train", 120)
    write_idx(root / "data", "t10k", 40)
    vit.run("vit-train", *words(root, root / "run"))
    return root / "run"


def images_of(dom, part):
    """The pictures of a section, decoded by Pillow."""
    section = dom[dom.index(f"<h2>{part}</h2>"):].split("</section>")[0]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
            for data in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', section)]


def check(dom, run):
    best = max(row["eval_top1"] for row in log_rows(run, "epoch"))
    assert f"<dd>{best:.2f} % (epoch " in dom
    counts = np.array([int(n) for n in re.findall(r"<td[^>]*>(\d+)</td>", dom)]).reshape(CLASSES, CLASSES)
    # As many images a true class as write_idx makes; the last epoch's accuracy on the diagonal.
    assert counts.sum(axis=1).tolist() == [10] * CLASSES
    assert np.trace(counts) / 40 * 100 == pytest.approx(log_rows(run, "epoch")[-1]["eval_top1"])
    assert len(images_of(dom, "Worst mistakes")) == min(24, 40 - np.trace(counts))
    samples = images_of(dom, "What the model sees while it trains")
    assert len(samples) == 24 and all(image.shape[:2] == (12, 12) for image in samples)


def test_the_page_holds_the_run(run):
    page = (run / "report.html").read_text()
    check(page, run)
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "refresh" not in page, "the run has ended"


@needs_chromium
def test_chromium_draws_the_curves(run, tmp_path):
    dom = chromium("--dump-dom", (run / "report.html").as_uri()).stdout
    check(dom, run)
    losses = re.search(r'<svg[^>]*aria-label="Loss".*?</svg>', dom, re.S).group()
    assert [name for name in re.findall(r'<path class="(s\d)"', losses)] == ["s0", "s1", "s2"]
    # A point for each logged step: no two fall on one column of so small a chart.
    assert len(re.findall("[ML]", re.search(r'<path class="s0" d="([^"]+)"', losses).group(1))) == len(log_rows(run, "step"))
    shot = tmp_path / "shot.png"
    chromium(f"--screenshot={shot}", "--window-size=1300,900", "--virtual-time-budget=2000",
             "--force-prefers-color-scheme=light", (run / "report.html").as_uri())
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    # The chart of the losses holds the blue of the epochs' line and the orange of the validation's.
    for colour in ((31, 111, 235), (217, 72, 15)):
        assert (np.abs(pixels - colour).sum(axis=2) < 30).sum() > 50, colour


def test_a_run_that_goes_on_shows_a_page_that_looks_again(vit, run, tmp_path):
    vit.run("vit-train", *words(run.parent, tmp_path / "cut", "--max-steps", 20))
    assert "best top-1" in (tmp_path / "cut/report.html").read_text()
    vit.run("vit-train", "--resume", tmp_path / "cut", "--max-steps", 0)
    # What is drawn from log.jsonl and the data is the same as of a run that never stopped.
    section = lambda path: re.search(r"<h2>What the model.*?</section>", path.read_text(), re.S).group()
    assert section(tmp_path / "cut/report.html") == section(run / "report.html")
