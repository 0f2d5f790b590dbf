"""vit-infer --validate: which folder is which class, and what is said where that cannot be known."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from conftest import BIN, ROOT, run_limited

MODEL = ROOT / "weights/vit_fashion_mnist.safetensors"
EXAMPLES = ROOT / "weights/examples"
LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def example(label):
    return EXAMPLES / f"{label.split('/')[0].lower().replace(' ', '-')}.png"


def dataset(root, name_of=lambda label: label.replace("/", "\\x2f"), labels=LABELS):
    """One image a class, in the folder that `name_of` gives."""
    for label in labels:
        folder = os.fsencode(root) + b"/" + os.fsencode(name_of(label))
        os.makedirs(folder)
        shutil.copy(example(label), folder + b"/x.png")
    return root


def validate(vit, data, *arguments, rc=0, model=MODEL, **options):
    done = vit.run("vit-infer", "-m", model, "--device", "cpu", "--validate", data, "--format", "json", *arguments,
                   rc=rc, **options)
    return (json.loads(done.stdout) if rc == 0 else None), done.stderr


@pytest.fixture(scope="module")
def unlabelled(vit, tmp_path_factory):
    """The model without its labels."""
    root = tmp_path_factory.mktemp("unlabelled")
    whole = json.loads(vit.convert(MODEL, "--inspect", "--format", "json").stdout)
    config = {key: whole.get("config", whole)[key] for key in ("model", "preprocessing")}
    (root / "config.json").write_text(json.dumps(config))
    vit.convert(MODEL, root / "m.safetensors", "--config", root / "config.json")
    return root / "m.safetensors"


def test_folders_are_met_by_the_models_labels(vit, tmp_path):
    report, said = validate(vit, dataset(tmp_path))
    assert report["top1"] == 100 and report["images"] == 10 and said == ""
    assert [row["label"] for row in report["per_class"]] == LABELS


def test_one_name_that_differs_is_an_error_with_the_nearest(vit, tmp_path):
    data = dataset(tmp_path, lambda label: {"Bag": "Bags", "T-shirt/top": "T-shirt_top"}.get(label, label))
    _, said = validate(vit, data, rc=1)
    assert len(said.splitlines()) == 1
    for part in ("'Bags' (nearest: 'Bag')", "'T-shirt_top' (nearest: 'T-shirt/top', as a folder 'T-shirt\\x2ftop')",
                 "2 of 10", "--class-map", "--class-order"):
        assert part in said


def test_a_class_map_names_the_folders(vit, tmp_path):
    names = {label: f"n{i:02}" for i, label in enumerate(reversed(LABELS))}  # in another order than the classes
    data = dataset(tmp_path / "data", names.get, [label for label in LABELS if label != "Coat"])
    (tmp_path / "map.txt").write_bytes(b"\xef\xbb\xbf" + "".join(names[label] + " \r\n" for label in LABELS).encode())
    report, _ = validate(vit, data, "--class-map", tmp_path / "map.txt")
    assert report["top1"] == 100 and report["images"] == 9
    assert "Coat" not in [row["label"] for row in report["per_class"]]



def test_timms_reader_takes_the_same_class_map(vit, tmp_path):
    class_map = pytest.importorskip("timm.data.readers.class_map")
    (tmp_path / "map.txt").write_text("  a\t\n\nb \nc")
    theirs = class_map.load_class_map(str(tmp_path / "map.txt"))
    names = {LABELS[index]: name for name, index in theirs.items() if name}
    data = dataset(tmp_path / "data", names.get, list(names))
    report, _ = validate(vit, data, "--class-map", tmp_path / "map.txt")
    assert report["top1"] == 100
    assert [row["index"] for row in report["per_class"]] == sorted(theirs[name] for name in names.values())


@pytest.mark.parametrize("name,text,part", [
    ("map.pkl", b"a\n", "pickle"), ("map.txt", b"\x80\x04}.", "pickle"), ("map.txt", b"a\nb\na\n", "lines 1 and 3"),
    ("map.txt", b"", "none"), ("map.txt", b"\n".join(b"%d" % i for i in range(11)), "the model's 10")])
def test_a_class_map_that_is_none_is_an_error(name, text, part, vit, tmp_path):
    (tmp_path / name).write_bytes(text)
    _, said = validate(vit, dataset(tmp_path / "data"), "--class-map", tmp_path / name, rc=1)
    assert part in said and len(said.splitlines()) == 1


def test_order_decides_only_when_asked_or_without_labels(vit, unlabelled, tmp_path):
    data = dataset(tmp_path / "data", lambda label: f"class{LABELS.index(label)}")
    assert "'class0'" in validate(vit, data, rc=1)[1]
    report, _ = validate(vit, data, "--class-order")
    assert report["top1"] == 100 and report["per_class"][0]["label"] == "T-shirt/top"
    report, said = validate(vit, data, model=unlabelled)
    assert report["top1"] == 100 and "order" in said and report["per_class"][0]["label"] == "class0"
    few = dataset(tmp_path / "few", lambda label: f"class{LABELS.index(label)}", LABELS[:3])
    assert "the model's 10" in validate(vit, few, model=unlabelled, rc=1)[1]
    assert "the model's 10" in validate(vit, few, "--class-order", rc=1)[1]


def test_numbers_name_the_classes_of_a_model_without_labels(vit, unlabelled, tmp_path):
    data = dataset(tmp_path / "data", lambda label: str(LABELS.index(label)), ["Bag", "Trouser"])
    report, _ = validate(vit, data, model=unlabelled)
    assert report["top1"] == 100 and [row["index"] for row in report["per_class"]] == [1, 8]


def test_a_folder_whose_name_is_not_utf8_meets_the_label_that_shows_it(vit, tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join("caf\\xe9" if label == "Bag" else label for label in LABELS))
    vit.convert(MODEL, tmp_path / "m.safetensors", "--labels", tmp_path / "labels.txt")
    data = dataset(tmp_path / "data", lambda label: "caf\udce9" if label == "Bag" else label.replace("/", "\\x2f"))
    report, _ = validate(vit, data, model=tmp_path / "m.safetensors", )
    assert report["top1"] == 100 and report["per_class"][8]["label"] == "caf\\xe9"
    assert "'caf\\xe9'" in validate(vit, data, rc=1)[1]


def test_a_whole_dataset_is_validated_on_its_val_folder(vit, tmp_path):
    dataset(tmp_path / "train")
    dataset(tmp_path / "val", labels=[label for label in LABELS if "/" not in label])
    report, said = validate(vit, tmp_path)
    assert report["images"] == 9 and "val" in said


def test_flags_that_do_not_go_together_are_usage_errors(vit, tmp_path):
    data = dataset(tmp_path / "data")
    (tmp_path / "map.txt").write_text("a\n")
    for arguments in (["--class-map", tmp_path / "map.txt", "--class-order"],):
        validate(vit, data, *arguments, rc=2)
    for arguments in (["--class-order"], ["--class-map", tmp_path / "map.txt"]):
        done = vit.run("vit-infer", "-m", MODEL, example("Bag"), *arguments, rc=2)
        assert "--validate" in done.stderr


def test_a_batch_beyond_the_memory_says_how_much_was_asked_for(vit, tmp_path):
    # Of address space, whatever this machine has: a batch of 65,536 images of 28 × 28 is 196 MiB; of 16,384 the
    # modules' activations are 2 GiB and more.
    command = [BIN / "vit-infer", "-m", MODEL, "--device", "cpu", example("Bag"), "--batch-size", "65536"]
    roomy = run_limited("-v 8000000", command)
    assert roomy.returncode == 0, roomy.stderr
    for room, engine, size in (("200000", "packed", "65536"), ("3000000", "modules", "16384")):
        benchmark = [*command[:-3], "--benchmark", "--engine", engine, "--batch-size", size]
        done = run_limited(f"-v {room}", benchmark)
        assert done.returncode == 4
        assert "not enough memory" in done.stderr and "iB asked for" in done.stderr and len(done.stderr.splitlines()) == 1


def test_verbose_names_what_was_chosen(vit, tmp_path):
    done = vit.run("vit-infer", "-m", MODEL, "--device", "cpu", "--threads", 1, "-v", example("Bag"))
    for part in (str(MODEL), "device cpu", "threads 1", "engine", "precision fp32", "1 × 28 × 28", "10 classes"):
        assert part in done.stderr, part


def test_auto_says_why_it_does_not_take_a_gpu_whose_driver_is_there(vit, tmp_path):
    """A driver that is none: LibTorch's CUDA side cannot start with it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no compiler to make a driver with")
    subprocess.run([compiler, "-shared", "-x", "c", "/dev/null", "-o", tmp_path / "libcuda.so.1"], check=True)
    env = {"LD_LIBRARY_PATH": f"{tmp_path}:{os.environ.get('LD_LIBRARY_PATH', '')}"}
    done = vit.run("vit-infer", "-m", MODEL, example("Bag"), env=env)
    assert "Bag" in done.stdout and "runs on the CPU: " in done.stderr and len(done.stderr.splitlines()) == 1
    refused = vit.run("vit-infer", "-m", MODEL, example("Bag"), "--device", "cuda", env=env, rc=2)
    assert "--device cuda: " in refused.stderr


def test_local_rank_picks_the_device(vit):
    done = vit.run("vit-infer", "-m", MODEL, example("Bag"), "--device", "cuda", env={"LOCAL_RANK": "997"}, rc=2)
    assert "LOCAL_RANK 997" in done.stderr and "cuda:997" in done.stderr
    assert "LOCAL_RANK" in vit.run("vit-infer", "-m", MODEL, example("Bag"), env={"LOCAL_RANK": "x"}, rc=2).stderr
    vit.run("vit-infer", "-m", MODEL, example("Bag"), "--device", "cpu", env={"LOCAL_RANK": "3"})


def test_a_model_without_finite_logits_is_an_error(vit, tmp_path):
    with safe_open(MODEL, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    tensors["head.bias"][:] = float("inf")
    save_file(tensors, tmp_path / "m.safetensors", metadata)
    _, said = validate(vit, dataset(tmp_path / "data"), rc=1, model=tmp_path / "m.safetensors")
    assert said == f"vit-infer: error: {tmp_path}/m.safetensors: expected finite logits, found a loss that is not finite\n"
