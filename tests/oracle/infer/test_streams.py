"""vit-infer's inputs and outputs: nothing that is read is ever written, and a resumed run is the same run."""

import csv
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

from conftest import BIN, ROOT

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
MODEL = ROOT / "weights/vit_fashion_mnist.safetensors"
EXAMPLES = sorted((ROOT / "weights/examples").glob("*.png"))
ARGUMENTS = ["--device", "cpu", "--threads", "1"]


@pytest.fixture
def place(tmp_path):
    """A model, a folder of three images, and links to both, in a folder of their own."""
    shutil.copy(MODEL, tmp_path / "model.safetensors")
    (tmp_path / "images").mkdir()
    for number, path in enumerate(EXAMPLES[:3]):
        shutil.copy(path, tmp_path / "images" / f"{number}.png")
    os.link(tmp_path / "model.safetensors", tmp_path / "hard.safetensors")
    (tmp_path / "soft.safetensors").symlink_to("model.safetensors")
    os.link(tmp_path / "images/1.png", tmp_path / "hard.png")
    (tmp_path / "soft.png").symlink_to("images/1.png")
    (tmp_path / "folder").symlink_to("images")
    return tmp_path


def infer(vit, place, *arguments, **options):
    return vit.run("vit-infer", "-m", place / "model.safetensors", *ARGUMENTS, *arguments, **options)


def contents(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def refuse(vit, place, *arguments, rc=2, **options):
    """The command fails with one line, and every file is as it was."""
    before = contents(place)
    done = infer(vit, place, *arguments, rc=rc, **options)
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("vit-infer: error: "), done.stderr
    assert contents(place) == before
    return done.stderr


def run_bytes(*arguments, stdin=b"", model=MODEL, **options):
    return subprocess.run([BIN / "vit-infer", "-m", model, *ARGUMENTS, *arguments], input=stdin, capture_output=True,
                          **options)


WAYS = {
    "rows": ["--format", "jsonl", "-o"], "features": ["--features", "mean", "-o"], "logits": ["--format", "npy", "-o"],
    "inputs": ["--preprocess-only", "-o"], "page": ["--html"],
}


@pytest.mark.parametrize("way", WAYS)
def test_an_output_is_never_an_input(way, vit, place):
    image = place / "images/1.png"
    outputs = {
        "the model": "model.safetensors", "a hard link to it": "hard.safetensors", "a link to it": "soft.safetensors",
        "another spelling": "images/../model.safetensors",
    }
    for output in outputs.values():
        assert "is also an input" in refuse(vit, place, image, *WAYS[way], place / output, "--force")
    for output in ("images/1.png", "hard.png", "soft.png", "folder/1.png"):
        assert "is also an input" in refuse(vit, place, image, *WAYS[way], place / output, "--force")


def refuse_late(vit, place, *arguments, **options):
    """As refuse, but a run may leave rows to be resumed."""
    before = contents(place)
    infer(vit, place, *arguments, rc=2, **options)
    assert {name: data for name, data in contents(place).items() if ".part" not in name} == before
    for part in place.rglob("*.part*"):
        part.unlink()


def test_an_output_is_no_input_that_is_found_late(vit, place):
    for output in ("images/1.png", "hard.png", "soft.png"):
        refuse_late(vit, place, place / "images", "-o", place / output, "--force", "--batch-size", 1)
        (place / "list").write_text(f"{place}/images/0.png\n{place}/images/1.png\n")
        refuse_late(vit, place, "-", "-o", place / output, "--force", stdin=place / "list")


def test_the_list_on_standard_input_is_an_input(vit, place):
    (place / "list").write_text(f"{place}/images/0.png\n")
    refuse(vit, place, "-", "-o", place / "list", "--force", stdin=place / "list")
    with open(place / "list") as source, open(place / "list", "a") as target:
        done = subprocess.run([BIN / "vit-infer", "-m", MODEL, *ARGUMENTS, "-"], stdin=source, stdout=target)
    assert done.returncode == 2
    assert (place / "list").read_text() == f"{place}/images/0.png\n"


def test_what_is_written_beside_an_output_is_no_input(vit, place):
    image = place / "images/1.png"
    for name, way in (("x.part", "rows"), ("x.part.json", "rows"), ("x.names.txt", "features"),
                      ("x.names.txt.part", "features")):
        os.link(image, place / name)
        refuse(vit, place, image, *WAYS[way], place / "x", "--force")
        (place / name).unlink()


def test_a_timm_folders_files_are_inputs(vit, place):
    timm = place / "timm"
    vit.convert(MODEL, timm, "--to", "timm")
    (timm / "README.md").write_text("mine")
    for name in ("config.json", "model.safetensors", "README.md"):
        before = (timm / name).read_bytes()
        done = vit.run("vit-infer", "-m", timm, *ARGUMENTS, EXAMPLES[0], "-o", timm / name, "--force", rc=2)
        assert "is also an input" in done.stderr and (timm / name).read_bytes() == before


def test_a_configuration_is_an_input(vit, place):
    (place / "config.json").write_text("{}")
    refuse(vit, place, place / "images", "--config", place / "config.json", "-o", place / "config.json", "--force")


def test_a_class_map_is_an_input(vit, place):
    (place / "classes.txt").write_text("a\nb\n")
    refuse(vit, place, "--validate", place, "--class-map", place / "classes.txt", "-o", place / "classes.txt", "--force")


def test_two_outputs_are_two_files(vit, place):
    refuse(vit, place, place / "images", "-o", place / "x", "--html", place / "images/../x")


def test_a_validations_outputs_are_no_inputs(vit, place):
    classes = place / "classes"
    for number in range(10):
        (classes / str(number)).mkdir(parents=True)
        shutil.copy(EXAMPLES[number % len(EXAMPLES)], classes / str(number) / "x.png")
    for option in ("-o", "--confusion"):
        for output in (classes / "3/x.png", place / "hard.safetensors"):
            refuse(vit, place, "--validate", classes, option, output, "--force")


def test_overlays_never_replace_inputs(vit, place):
    maps = place / "maps"
    infer(vit, place, place / "images/1.png", "--attention", maps)
    overlay, = maps.glob("*.png")
    overlay.unlink()
    os.link(place / "images/1.png", overlay)
    refuse(vit, place, place / "images/1.png", "--attention", maps, "--force")
    overlay.unlink()
    overlay.symlink_to("../images/1.png")
    refuse(vit, place, place / "images/1.png", "--attention", maps, "--force")
    shutil.rmtree(maps)
    refuse(vit, place, place / "images/1.png", "--attention", place / "images")  # what is written could be read next
    for folder in ("images", "folder", "images/maps", "images/maps/deep"):
        refuse(vit, place, place / "images", "--attention", place / folder)
    # Found when the walk is under way: through a link, or in a list.
    (place / "images/more").symlink_to("../elsewhere")
    shutil.copytree(place / "images", place / "elsewhere", ignore=lambda *_: ["more"])
    infer(vit, place, place / "images", "--attention", place / "elsewhere", "--batch-size", 1, rc=2)
    assert all((place / f"elsewhere/{i}.png").read_bytes() == EXAMPLES[i].read_bytes() for i in range(3))


def test_overlays_are_named_after_their_inputs_path(vit, place):
    other = place / "other"
    shutil.copytree(place / "images", other)
    done = infer(vit, place, place / "images", other, "--attention", place / "maps", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    overlays = [row["attention"] for row in rows]
    assert len(set(overlays)) == 6 and set(overlays) == set(map(str, (place / "maps").glob("*.png")))
    for row in rows:
        assert pathlib.Path(row["attention"]).name.startswith(pathlib.Path(row["file"]).stem + "-")
    again = infer(vit, place, other, "--attention", place / "again", "--format", "json")
    assert [pathlib.Path(row["attention"]).name for row in json.loads(again.stdout)] == \
        [pathlib.Path(path).name for path in overlays[3:]]
    table = list(csv.DictReader(io.StringIO(infer(vit, place, other, "--attention", place / "maps", "--format", "csv",
                                                  "--force").stdout)))
    assert [row["attention"] for row in table] == overlays[3:]
    infer(vit, place, other, "--attention", place / "maps", rc=4)
    infer(vit, place, other / "0.png", other / "0.png", "--attention", place / "twice")


def test_ranks_keep_their_overlays_apart(vit, place):
    shutil.copytree(place / "images", place / "other")
    for rank in range(2):
        infer(vit, place, place / "images", place / "other", "--attention", place / "maps", "--format", "jsonl",
              "-o", place / "rows.jsonl", "--batch-size", 1, env={"RANK": str(rank), "WORLD_SIZE": "2"})
    rows = [json.loads(line) for rank in range(2)
            for line in (place / f"rows.rank{rank}.jsonl").read_text().splitlines()]
    assert len({row["attention"] for row in rows}) == 6
    assert all(pathlib.Path(row["attention"]).exists() for row in rows)


@pytest.mark.parametrize("form", ["text", "csv", "json", "jsonl", "npy"])
def test_devices_and_pipes_are_written_to(form, vit, place):
    images = place / "images"
    infer(vit, place, images, "--format", form, "-o", place / "whole")
    whole = (place / "whole").read_bytes()
    arguments = [images, "--format", form]
    assert run_bytes(*arguments).stdout == whole
    assert run_bytes(*arguments, "-o", "/dev/stdout").stdout == whole
    assert run_bytes(*arguments, "-o", "/dev/fd/1").stdout == whole
    os.mkfifo(place / "pipe")
    with subprocess.Popen(["cat", place / "pipe"], stdout=subprocess.PIPE) as reader:
        infer(vit, place, *arguments, "-o", place / "pipe")
        assert reader.stdout.read() == whole
    assert (place / "pipe").is_fifo()
    infer(vit, place, *arguments, "-o", "/dev/null")
    assert pathlib.Path("/dev/null").is_char_device()
    assert run_bytes(*arguments, "-o", "/dev/full").returncode == 4
    (place / "link").symlink_to("target")
    infer(vit, place, *arguments, "-o", place / "link")
    assert (place / "link").is_symlink() and (place / "target").read_bytes() == whole
    assert not list(place.glob("*.part*")) and not list(pathlib.Path("/dev").glob("*.part*"))


def test_a_page_can_go_to_standard_output(place):
    done = run_bytes(place / "images", "-o", "/dev/null", "--html", "/dev/stdout")
    assert done.returncode == 0 and done.stdout.startswith(b"<!") and done.stdout.rstrip().endswith(b"</html>")


def many(place, count=80):
    """`count` names of the images."""
    folder = place / "many"
    folder.mkdir()
    for number in range(count):
        os.link(place / "images" / f"{number % 3}.png", folder / f"{number:04}.png")
    return folder


def begin(place, names, *arguments, count=24):
    """A run over the list `names` that is killed after `count` rows; `arguments` are to be resumed with it."""
    (place / "list").write_text("".join(f"{name}\n" for name in names))
    process = subprocess.Popen([BIN / "vit-infer", "-m", place / "model.safetensors", *ARGUMENTS, *map(str, arguments)],
                               stdin=subprocess.PIPE, text=True, cwd=place)
    process.stdin.write("".join(f"{name}\n" for name in names[:count]))
    process.stdin.flush()
    part = place / "rows.part"
    rows = place / "rows.names.txt.part" if "npy" in arguments else part
    while not (rows.exists() and rows.read_bytes().count(b".png") == count):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    process.stdin.close()
    return part


@pytest.mark.parametrize("form", ["text", "csv", "json", "jsonl", "npy"])
def test_a_killed_run_is_resumed_to_the_same_bytes(form, vit, place):
    names = sorted(many(place).glob("*.png"))
    arguments = ["-", "--format", form, "--batch-size", 4, "-o", place / "rows"]
    part = begin(place, names, *arguments)
    size = part.stat().st_size
    kept = {path: path.read_bytes() for path in place.glob("rows.*")}
    infer(vit, place, "-", "--format", form, "--batch-size", 4, "-o", place / "whole", stdin=place / "list")
    for cut in (0, 1, 37, 200):
        for path, data in kept.items():
            path.write_bytes(data)
        os.truncate(part, size - cut)
        infer(vit, place, *arguments, rc=4, stdin=place / "list")
        done = vit.run("vit-infer", "-m", place / "model.safetensors", *ARGUMENTS, *arguments, "--resume",
                       stdin=place / "list", cwd=place)
        assert done.stdout == ""
        assert (place / "rows").read_bytes() == (place / "whole").read_bytes()
        assert not list(place.glob("*.part*"))
        if form == "npy":
            assert (place / "rows.names.txt").read_text().splitlines() == list(map(str, names))
            (place / "rows.names.txt").unlink()
        (place / "rows").unlink()


DIFFERENT = {
    "topk": ["--topk", "3"], "format": ["--format", "csv"], "batch-size": ["--batch-size", "2"],
    "on-error": ["--on-error", "skip"], "precision": ["--precision", "bf16"], "attention": ["--attention", "maps"],
    "features": ["--features", "mean"], "low-memory": ["--low-memory"], "rank": None, "model": ["-m", "other.safetensors"], "inputs": ["images"], "null": ["-0"],
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A killed run of jsonl rows, to be copied."""
    place = tmp_path_factory.mktemp("begun") / "place"
    (place / "images").mkdir(parents=True)
    shutil.copy(MODEL, place / "model.safetensors")
    for number, path in enumerate(EXAMPLES[:3]):
        shutil.copy(path, place / "images" / f"{number}.png")
    begin(place, sorted(many(place).glob("*.png")), "-", "--format", "jsonl", "--batch-size", "4", "-o", place / "rows")
    return place


@pytest.mark.parametrize("name", DIFFERENT)
def test_resume_refuses_another_run(name, vit, begun):
    part = begun / "rows.part"
    before = part.read_bytes(), (begun / "rows.part.json").read_bytes()
    arguments = ["-m", "model.safetensors", *ARGUMENTS, "-", "--batch-size", "4", "--format", "jsonl"]
    changed = DIFFERENT[name] or []
    if name == "model":
        blob = bytearray(MODEL.read_bytes())
        blob[-100] ^= 1
        (begun / "other.safetensors").write_bytes(blob)
        arguments[1] = "other.safetensors"
    elif name in ("inputs", "null"):
        arguments += changed
    else:
        for flag in changed[::2]:
            if flag in arguments:
                del arguments[arguments.index(flag):arguments.index(flag) + 2]
        if name == "features":
            del arguments[-2:]
        arguments += changed
    env = dict(os.environ)
    if name == "rank":
        env.update(RANK="0", WORLD_SIZE="2")
        for suffix in ("part", "part.json"):
            shutil.copy(begun / f"rows.{suffix}", begun / f"rows.rank0.{suffix}")
    done = subprocess.run([BIN / "vit-infer", *map(str, arguments), "-o", "rows", "--resume"], cwd=begun, env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expected = {"features": "format", "rank": "world size"}.get(name, name)
    assert done.returncode == 2 and f": {expected}: expected " in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (part.read_bytes(), (begun / "rows.part.json").read_bytes()) == before


def test_resume_refuses_other_inputs_of_the_same_arguments(vit, place):
    folder = many(place, 20)
    bad = folder / "0010.png"
    bad.unlink()
    bad.write_bytes(b"no image")
    arguments = [folder, "--format", "jsonl", "--batch-size", 4, "-o", place / "rows"]
    infer(vit, place, *arguments, rc=1)
    part = place / "rows.part"
    rows = part.read_bytes()
    assert rows.count(b"\n") == 10
    shutil.copy(EXAMPLES[4], folder / "0001b.png")
    done = infer(vit, place, *arguments, "--resume", rc=2)
    assert "row 3: expected the row of input" in done.stderr and "0001b.png" in done.stderr
    (folder / "0001b.png").unlink()
    (folder / "0007.png").rename(place / "7.png")
    assert "row 8: expected the row of input" in infer(vit, place, *arguments, "--resume", rc=2).stderr
    (place / "7.png").rename(folder / "0007.png")
    for number in range(9, 20):
        (folder / f"{number:04}.png").rename(place / f"{number:04}.png")
    assert "expected at least the 10 inputs" in infer(vit, place, *arguments, "--resume", rc=2).stderr
    assert part.read_bytes() == rows
    for number in range(9, 20):
        shutil.copy(EXAMPLES[number % 3], folder / f"{number:04}.png")
    infer(vit, place, *arguments, "--resume")
    assert [json.loads(line)["file"] for line in (place / "rows").read_text().splitlines()] == \
        sorted(map(str, folder.glob("*.png")))


def test_resume_compares_a_list_on_standard_input(vit, place):
    names = sorted(many(place, 20).glob("*.png"))
    arguments = ["-", "--batch-size", "4", "-o", place / "rows"]
    begin(place, names, *arguments, count=8)
    (place / "other").write_text("".join(f"{name}\n" for name in names[1:]))
    run = lambda rc, stdin: vit.run("vit-infer", "-m", place / "model.safetensors", *ARGUMENTS, *arguments, "--resume",
                                    rc=rc, stdin=stdin, cwd=place)
    assert "row 1: expected the row of" in run(2, place / "other").stderr
    run(0, place / "list")
    assert [line.split("\t")[0] for line in (place / "rows").read_text().splitlines()] == list(map(str, names))


def test_resume_wants_to_know_what_made_the_rows(vit, begun):
    sidecar = begun / "rows.part.json"
    arguments = ["-m", begun / "model.safetensors", *ARGUMENTS, "-", "--format", "jsonl", "--batch-size", "4",
                 "-o", begun / "rows"]
    part, record = (begun / "rows.part").read_bytes(), sidecar.read_bytes()
    for damage in (b"", b"{", b"[]", b'{"version": 1, "run": 3}', None):
        if damage is None:
            sidecar.unlink()
        else:
            sidecar.write_bytes(damage)
        done = vit.run("vit-infer", *arguments, "--resume", rc=2)
        assert "cannot be resumed: " in done.stderr and ("missing" if damage is None else "damaged") in done.stderr
        assert "move it away" in vit.run("vit-infer", *arguments, "--force", rc=4).stderr
        assert (begun / "rows.part").read_bytes() == part
    sidecar.write_bytes(record)


def test_a_finished_output_has_nothing_to_resume(vit, place):
    arguments = [place / "images", "-o", place / "rows"]
    infer(vit, place, *arguments)
    assert "nothing to resume" in refuse(vit, place, *arguments, "--resume", rc=4)
    infer(vit, place, *arguments, "--resume", "--force")


def test_a_run_that_failed_before_its_first_row_leaves_nothing(vit, place):
    bad = place / "bad.png"
    bad.write_bytes(b"no image")
    before = contents(place)
    for arguments in ([bad], [bad, "--format", "csv"], [bad, "--format", "npy"], [bad, "--features", "mean"],
                      ["missing.png"], [bad, "--attention", place / "maps"]):
        infer(vit, place, *arguments, "-o", place / "x", rc=4 if "missing.png" in arguments else 1)
        assert contents(place) == before
    infer(vit, place, place / "images", "-o", place / "x")


def test_one_output_is_written_by_one_run(vit, place):
    process = subprocess.Popen([BIN / "vit-infer", "-m", MODEL, *ARGUMENTS, "-", "-o", place / "rows", "--batch-size", "1"],
                               stdin=subprocess.PIPE, text=True)
    process.stdin.write(f"{place}/images/0.png\n")
    process.stdin.flush()
    part = place / "rows.part"
    while not (part.exists() and part.stat().st_size):
        time.sleep(0.01)
    for options in ([], ["--force"], ["--resume"]):
        done = infer(vit, place, place / "images", "-o", place / "rows", *options, rc=4)
        assert "another run is writing it" in done.stderr
    process.stdin.write(f"{place}/images/1.png\n")
    process.stdin.close()
    assert process.wait(60) == 0
    assert len((place / "rows").read_text().splitlines()) == 2


def test_a_folder_as_standard_input_is_one_error(place):
    for options in ([], ["--on-error", "skip"], ["-0"]):
        done = subprocess.run([BIN / "vit-infer", "-m", MODEL, *ARGUMENTS, "-", *options], stdin=os.open(place, os.O_RDONLY),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 4 and done.stdout == ""
        assert len(done.stderr.splitlines()) == 1 and "found a folder" in done.stderr


def test_zeros_as_standard_input_are_one_error():
    with open("/dev/zero", "rb") as zeros:
        for options, text in (([], "-0 reads"), (["-0"], "an empty one")):
            done = subprocess.run([BIN / "vit-infer", "-m", MODEL, *ARGUMENTS, "-", "--on-error", "skip", *options],
                                  stdin=zeros, capture_output=True, text=True, timeout=60)
            assert done.returncode == 1 and text in done.stderr and len(done.stderr.splitlines()) == 1


def test_lists_are_understood_as_they_come(place):
    images = sorted(map(str, (place / "images").glob("*.png")))
    expected = run_bytes(*images).stdout
    assert run_bytes("-", stdin=("\ufeff" + "\r\n".join(images)).encode()).stdout == expected
    assert run_bytes("-", "-0", stdin="\0".join([*images, ""]).encode()).stdout == expected
    done = run_bytes("-", stdin="\0".join([*images, ""]).encode())
    assert done.returncode == 1 and b"-0 reads NUL-separated lists" in done.stderr and done.stdout == b""
    assert run_bytes("x.png", "-0").returncode == 2


def test_labels_may_begin_with_a_byte_order_mark(vit, place):
    (place / "labels.txt").write_bytes(b"\xef\xbb\xbf" + b"".join(b"class %d\r\n" % i for i in range(10)))
    vit.convert(MODEL, place / "named.safetensors", "--labels", place / "labels.txt")
    done = run_bytes(place / "images/0.png", "--format", "jsonl", "--topk", "10", model=place / "named.safetensors")
    assert {said["label"] for said in json.loads(done.stdout)["topk"]} == {f"class {i}" for i in range(10)}


def test_names_beside_arrays_are_atomic_and_never_replaced(vit, place):
    for way in ("features", "inputs", "logits"):
        out = place / f"{way}.npy"
        infer(vit, place, place / "images", *WAYS[way], out)
        names = (place / f"{way}.npy.names.txt").read_text().splitlines()
        assert names == [str(place / f"images/{i}.png") for i in range(3)] and len(np.load(out)) == 3
        out.unlink()
        assert "names.txt: exists already" in refuse(vit, place, place / "images", *WAYS[way], out, rc=4)
        infer(vit, place, place / "images/1.png", *WAYS[way], out, "--force")
        assert len((place / f"{way}.npy.names.txt").read_text().splitlines()) == 1


def test_names_are_bytes(place):
    folder = os.fsencode(place) + b"/odd\xff"
    os.mkdir(folder)
    names = [b"caf\xe9.png", b"ok \xc3\xa9.png", b"with\\xe9.png"]
    for name in names:
        shutil.copy(EXAMPLES[0], folder + b"/" + name)
    shown = [f"{place}/odd\\xff/caf\\xe9.png", f"{place}/odd\\xff/ok é.png", f"{place}/odd\\xff/with\\x5cxe9.png"]
    assert [json.loads(line)["file"] for line in run_bytes(folder, "--format", "jsonl").stdout.splitlines()] == shown
    assert [row["file"] for row in json.loads(run_bytes(folder, "--format", "json").stdout)] == shown
    table = csv.reader(io.StringIO(run_bytes(folder, "--format", "csv").stdout.decode()))
    assert [row[0] for row in list(table)[1:]] == shown
    text = run_bytes(folder).stdout.decode().splitlines()
    assert [line.split("\t")[0].replace("\\\\", "\\") for line in text] == shown
    out = folder + b"/out\xfe"
    done = run_bytes(folder, "--features", "mean", "-o", out, "--attention", folder + b"maps", "--html", out + b".html")
    assert done.returncode == 0, done.stderr
    with open(out + b".names.txt") as listed:
        assert listed.read().splitlines() == shown
    rows = run_bytes(folder, "--format", "jsonl", "--attention", folder + b"maps", "--force").stdout
    assert "\\xffmaps/" in json.loads(rows.splitlines()[0])["attention"]
    missing = run_bytes(b"gone\xff.png", "--format", "jsonl", "--on-error", "skip")
    assert "gone\\xff.png" in json.loads(missing.stdout)["error"]
    missing = run_bytes(b"gone\xff.png", "--log-format", "json")
    assert missing.returncode == 4 and json.loads(missing.stderr)


def test_a_closed_standard_output_is_an_error(place):
    for closed in ("<&- >&- 2>&-", ">&-", "<&- >&-"):
        command = f"exec {BIN}/vit-infer -m {place}/model.safetensors --device cpu {place}/images/0.png {closed}"
        assert subprocess.run(["sh", "-c", command]).returncode == 4
    command = f"exec {BIN}/vit-infer -m {place}/model.safetensors --device cpu - <&-"
    assert subprocess.run(["sh", "-c", command], stderr=subprocess.DEVNULL).returncode == 4
    command = f"exec {BIN}/vit-infer -m {place}/model.safetensors --device cpu {place}/images -o {place}/rows <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command]).returncode == 0
    assert len((place / "rows").read_text().splitlines()) == 3
