"""The --html page, opened by headless Chromium: its DOM, and what a screenshot of it shows."""

import html.parser
import json
import re

import numpy as np
import pytest
import timm
from PIL import Image
from timm.models import save_for_hf

from browser import chromium, needs_chromium
from conftest import random_model
from images import photograph

@pytest.fixture(scope="module")
def page(vit, tmp_path_factory):
    """A page of three images and a bad one, and vit-infer's own rows for them."""
    root = tmp_path_factory.mktemp("gallery")
    model = random_model("vit_tiny_patch16_224", depth=2, num_classes=4, seed=1)
    save_for_hf(model, root / "hub", safe_serialization=True, model_args=dict(depth=2))
    (root / "labels.txt").write_text("red <fox>\ngreen & blue\nowl\ncat\n")
    vit.convert(root / "hub", root / "model.safetensors", "--labels", root / "labels.txt")
    paths = []
    for number, name in enumerate(("one.png", "two's \"best\".png", "<b>.png")):
        photograph(120, 160, number).save(root / name)
        paths.append(root / name)
    (root / "bad.png").write_text("no image")
    paths.append(root / "bad.png")
    done = vit.run("vit-infer", "-m", root / "model.safetensors", *paths, "--html", root / "page.html", "--format", "jsonl",
                   "--topk", 2, "--on-error", "skip", "--device", "cpu", rc=1)
    return root / "page.html", [json.loads(line) for line in done.stdout.splitlines()]


class Cards(html.parser.HTMLParser):
    """The cards of a page: images, title, answers, error."""

    def __init__(self):
        super().__init__()
        self.cards, self.path = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "article":
            self.cards.append(dict(images=[], text=[], title=None, error=""))
        elif tag == "img":
            self.cards[-1]["images"].append((attributes["class"], attributes["src"]))
        elif tag == "h2":
            self.cards[-1]["title"] = attributes["title"]
        self.path.append((tag, attributes.get("class")))
        if tag in ("img", "meta", "input"):
            self.path.pop()

    def handle_endtag(self, tag):
        self.path.pop()

    def handle_data(self, data):
        tag, kind = self.path[-1] if self.path else (None, None)
        if tag == "span":
            self.cards[-1]["text"].append(data)
        elif kind == "error":
            self.cards[-1]["error"] += data


def check_cards(text, rows):
    cards = Cards()
    cards.feed(text)
    assert [card["title"] for card in cards.cards] == [row["file"] for row in rows]
    for card, row in zip(cards.cards, rows):
        if "error" in row:
            assert card["error"] == row["error"] and not card["images"]
            continue
        assert card["text"] == [said["label"] for said in row["topk"]]
        assert [kind for kind, _ in card["images"]] == ["image", "attention"]
        assert all(source.startswith("data:image/jpeg;base64,") for _, source in card["images"])


def test_the_page_holds_everything(page):
    path, rows = page
    text = path.read_text()
    check_cards(text, rows)
    assert not re.search(r"""(src|href)=["'](?!data:)""", text) and "http" not in text


def test_the_page_never_replaces_another(vit, page):
    path, rows = page
    arguments = ["-m", path.parent / "model.safetensors", rows[0]["file"], "--html", path, "--device", "cpu"]
    before = path.read_bytes()
    vit.run("vit-infer", *arguments, rc=4)
    assert path.read_bytes() == before


@needs_chromium
def test_chromium_sees_the_cards(page):
    path, rows = page
    dom = chromium("--dump-dom", path.as_uri()).stdout
    check_cards(dom, rows)
    assert not re.search(r'<label id="look"[^>]*hidden', dom), "the script offers the switch for attention"


@needs_chromium
def test_a_screenshot_shows_the_images(page, tmp_path):
    path, rows = page
    shot = tmp_path / "shot.png"
    chromium(f"--screenshot={shot}", "--window-size=1100,700", "--virtual-time-budget=2000", path.as_uri())
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(float)
    assert pixels.shape[:2] == (700, 1100)
    # Four cards stand side by side below the head; the first three hold images, the last one does not.
    row = pixels[120:300]
    spread = [row[:, 30 + 265 * i:230 + 265 * i].std() for i in range(4)]
    assert min(spread[:3]) > 25 > 2 * spread[3], spread
