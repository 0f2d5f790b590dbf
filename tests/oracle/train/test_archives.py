"""ImageNet's archives as they come, against timm's reader of them and against the same images in folders."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image
from timm.data.readers.reader_image_in_tar import ReaderImageInTar

from conftest import log_rows
from test_train import MODEL

SYNSETS = ("n01440764", "n01443537", "n02085620")


def picture(label, i):
    png = io.BytesIO()
    Image.fromarray(np.full((12, 12), 70 * label + i, np.uint8)).save(png, "png")
    return png.getvalue()


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def pack(path, files, form=tarfile.GNU_FORMAT):
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in files:
            add(tar, name, content)


def images(count, offset=0):
    """Names as ImageNet has them, whose order as text is not that of their numbers."""
    return [(synset, f"{synset}_{8 + offset + i}.JPEG", picture(label, offset + i))
            for label, synset in enumerate(SYNSETS) for i in range(count)]


def archive(path, files, form=tarfile.GNU_FORMAT):
    members = []
    for synset in reversed(SYNSETS):
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w", format=form) as tar:
            for folder, name, content in sorted(files):
                if folder == synset:
                    add(tar, name, content)
        members.append((f"{synset}.tar", inner.getvalue()))
    pack(path, members, form)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """ImageNet's two archives with the map of the flat one, and the same images in folders."""
    root = tmp_path_factory.mktemp("imagenet")
    train, val = images(12), images(4, offset=20)
    archive(root / "ILSVRC2012_img_train.tar", train)
    flat = [(f"ILSVRC2012_val_{i:08}.JPEG", synset, content) for i, (synset, _, content) in enumerate(val)]
    pack(root / "ILSVRC2012_img_val.tar", [(name, content) for name, _, content in flat])
    (root / "val.txt").write_text("".join(f"{name} {SYNSETS.index(synset)}\n" for name, synset, _ in flat))
    (root / "names.txt").write_text("".join(f"{name}\t{synset}\n" for name, synset, _ in flat))
    folders = tmp_path_factory.mktemp("folders")
    for half, files in (("train", train), ("val", [(synset, name, content) for name, synset, content in flat])):
        for synset, name, content in files:
            (folders / half / synset).mkdir(parents=True, exist_ok=True)
            (folders / half / synset / name).write_bytes(content)
    return root, folders


def words(data, out, *more):
    return ["--data", data, "-o", out, "--epochs", 4, "--batch-size", 4, "--lr", 0.003, "--threads", 1, "--device", "cpu",
            *more, "--model-arg", *MODEL]


@pytest.fixture(scope="module")
def trained(vit, dataset, tmp_path_factory):
    """A run on the archives."""
    out = tmp_path_factory.mktemp("runs") / "tars"
    vit.run("vit-train", *words(dataset[0], out, "--class-map", "val.txt"))
    return out


def test_trains_on_imagenets_archives_as_on_folders(vit, dataset, trained, tmp_path):
    root, folders = dataset
    vit.run("vit-train", *words(folders, tmp_path / "folders"))
    vit.run("vit-train", *words(root, tmp_path / "cut", "--class-map", root / "names.txt", "--max-steps", 13))
    vit.run("vit-train", "--resume", tmp_path / "cut", "--max-steps", 0)
    evaluated = [[row["eval_loss"] for row in log_rows(run, "epoch") if row["epoch"] != 2]  # also evaluated at its cut
                 for run in (tmp_path / "folders", trained, tmp_path / "cut")]
    assert evaluated[0] == evaluated[1] == evaluated[2]
    for run in (trained, tmp_path / "cut"):
        for name in ("last.safetensors", "best.safetensors"):
            assert (run / name).read_bytes() == (tmp_path / "folders" / name).read_bytes()
    model = trained / "last.safetensors"
    reports = []
    for data, more in ((folders / "val", ()), (root / "ILSVRC2012_img_val.tar", ("--class-map", root / "val.txt")),
                       (root, ("--class-map", root / "names.txt"))):
        done = vit.run("vit-infer", "-m", model, "--validate", data, "--format", "json", "-q", *more)
        reports.append(json.loads(done.stdout))
    assert reports[0] == reports[1] == reports[2]
    assert reports[0]["images"] == 12


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_names_classes_as_timms_reader(vit, tmp_path, form):
    """Folders within an archive, archives of several depths of folders, images beside them."""
    path = tmp_path / "mixed.tar"
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=form) as tar:
        for name in ("plain.png", "deep/er/dog/1.png", "cat/x10.png", "cat/x9.png"):
            add(tar, name, picture(1, 1))
    long_name = "a" * 90 + "/" + "b" * 30 + "/long.png"
    pack(path, [("sub/set.tar", inner.getvalue()), ("cat/y.png", picture(0, 2)), ("notes.txt", b"none"),
                (long_name, picture(2, 3))], form)
    reader = ReaderImageInTar(str(path))
    done = vit.run("vit-train", *words(path, tmp_path / "run", "--holdout", 1, "--batch-size", 2, "--dry-run"))
    plan = json.loads(done.stdout)
    indices = reader.class_idx_to_name
    assert plan["model"]["labels"] == [indices[i] for i in range(len(indices))]
    assert plan["train_images"] + plan["val_images"] == len(reader)
    (tmp_path / "map.txt").write_text("dog\ncat\nbird\n")
    mapped = ReaderImageInTar(str(path), class_map=str(tmp_path / "map.txt"))
    done = vit.run("vit-train", *words(path, tmp_path / "run", "--holdout", 1, "--batch-size", 2, "--dry-run", "--class-map", tmp_path / "map.txt"))
    plan = json.loads(done.stdout)
    assert plan["model"]["labels"] == ["dog", "cat", "bird"]
    assert plan["train_images"] + plan["val_images"] == len(mapped)
    assert "images left out" in done.stderr


def test_images_in_no_folder_are_left_out_which_is_said(vit, trained, tmp_path):
    path = tmp_path / "loose.tar"
    pack(path, [(f"{synset}/{name}", content) for synset, name, content in images(2)] + [("loose.png", picture(1, 1))])
    done = vit.run("vit-infer", "-m", trained / "last.safetensors", "--validate", path, "--format", "json")
    assert json.loads(done.stdout)["images"] == 6
    assert f"{path}: 1 image left out: it is in no class folder" in done.stderr


def test_a_split_that_is_not_there_is_an_error(vit, dataset, tmp_path):
    root, _ = dataset
    done = vit.run("vit-train", *words(root, tmp_path / "run", "--val-split", "test"), rc=2)
    assert "for there is no test.tar" in done.stderr
    done = vit.run("vit-train", *words(root, tmp_path / "run", "--train-split", "half"), rc=2)
    assert done.stderr == "vit-train: error: --train-split: expected --data to have that half\n"


def test_hostile_archives_are_one_clear_line(vit, dataset, tmp_path):
    root, _ = dataset
    whole = (root / "ILSVRC2012_img_train.tar").read_bytes()
    deep = io.BytesIO()
    with tarfile.open(fileobj=deep, mode="w") as tar:
        add(tar, "deeper.tar", whole)
    header = tarfile.TarInfo("n01.tar")
    header.size = 1 << 40
    cases = {"cut": whole[: len(whole) // 2 + 100], "nested": None, "huge": header.tobuf(tarfile.GNU_FORMAT) + bytes(2048),
             "zeros": bytes(1024), "noise": bytes(range(256)) * 8}
    for name, content in cases.items():
        path = tmp_path / f"{name}.tar"
        if content is None:
            pack(path, [("n01.tar", deep.getvalue())])
        else:
            path.write_bytes(content)
        done = vit.run("vit-train", *words(path, tmp_path / "run", "--holdout", 1), rc=1)
        assert len(done.stderr.splitlines()) == 1 and str(path) in done.stderr, done.stderr
    assert not (tmp_path / "run").exists()


def test_a_flat_archive_needs_its_classes(vit, dataset, trained, tmp_path):
    root, _ = dataset
    done = vit.run("vit-train", *words(root, tmp_path / "run"), rc=1)
    assert "ILSVRC2012_img_val.tar: expected a class for each image" in done.stderr
    (tmp_path / "short.txt").write_text("".join((root / "val.txt").read_text().splitlines(keepends=True)[:-2]))
    done = vit.run("vit-train", *words(root, tmp_path / "run", "--class-map", tmp_path / "short.txt", "--dry-run"))
    said = f"2 images left out: {tmp_path}/short.txt has no class for them"
    assert json.loads(done.stdout)["val_images"] == 10 and f"{root}: {said}" in done.stderr
    archive = root / "ILSVRC2012_img_val.tar"
    done = vit.run("vit-infer", "-m", trained / "last.safetensors", "--validate", archive, "--class-map",
                   tmp_path / "short.txt", "--format", "json")
    assert json.loads(done.stdout)["images"] == 10 and f"{archive}: {said}" in done.stderr
    (tmp_path / "far.txt").write_text((root / "val.txt").read_text().replace(" 2\n", " 3\n"))
    done = vit.run("vit-train", *words(root, tmp_path / "run", "--class-map", tmp_path / "far.txt"), rc=1)
    assert "expected a class of 0 to 2" in done.stderr
