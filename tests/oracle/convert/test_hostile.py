"""Files that lie, through the command line: the exit code, the one line, no output, and for large claims time and memory.

The parsers' own tests stand in tests/io; this is what a user of vit-convert sees.
"""

import io
import json
import os
import pickle
import struct
import subprocess
import time
import zipfile

import pytest
import torch
from safetensors.torch import save

from conftest import BIN

MEBIBYTE = 1 << 20


def header(text, data=b""):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape=(1,), begin=0, end=4, dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


EMPTY = json.dumps(entry((0,), 0, 0))
SAFETENSORS = {
    "empty_file": b"",
    "seven_bytes": b"\x10" + b"\0" * 6,
    "header_length_zero": struct.pack("<Q", 0),
    "header_past_the_end": struct.pack("<Q", 1000) + b"{}",
    "header_length_2_to_63": struct.pack("<Q", 1 << 63) + b"{}",
    "header_not_json": header(b"{nope}"),
    "header_an_array": header(b"[]"),
    "nested_100000_deep": header(b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}"),
    "header_of_90_MB_of_spaces": header(b"{" + b" " * (90 * MEBIBYTE) + b"}"),
    "overlap": header({"a": entry(), "b": entry()}, b"\0" * 4),
    "hole": header({"a": entry(), "b": entry(begin=8, end=12)}, b"\0" * 12),
    "end_past_the_file": header({"a": entry((100,), 0, 400)}, b"\0" * 4),
    "trailing_bytes": header({"a": entry()}, b"\0" * 9),
    "negative_shape": header({"a": entry((-1,))}, b"\0" * 4),
    "shape_as_float": header(b'{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', b"\0" * 4),
    "product_overflows": header({"a": entry((2**40, 2**40))}, b"\0" * 4),
    "unknown_dtype": header({"a": entry(dtype="F33")}, b"\0" * 4),
    "float8": header({"a": entry((4,), dtype="F8_E4M3")}, b"\0" * 4),
    "metadata_with_a_number": header({"__metadata__": {"x": 1}}),
    "name_twice": header(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
                         b'"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "config_no_json": header({"__metadata__": {"vit.config": "{"}}),
    "config_deep": header({"__metadata__": {"vit.config": "[" * 100000}}),
    "config_of_a_huge_model": header({"__metadata__": {"vit.config": json.dumps(
        {"model": {"depth": 1000, "embed_dim": 65536, "num_heads": 1}})}}),
    "config_of_a_large_model_without_tensors": header({"__metadata__": {"vit.config": json.dumps(
        {"model": {"depth": 1000, "embed_dim": 8192, "num_heads": 16}})}}),
    "a_million_tensors": header(b"{%s}" % ", ".join(  # json.dumps would take seconds
        f'"{i}": {EMPTY}' for i in range(10**6)).encode()),
}


def torch_zip(change=lambda entries: None):
    buffer = io.BytesIO()
    torch.save({"head.weight": torch.zeros(3, 4)}, buffer)
    entries = {i.filename: zipfile.ZipFile(buffer).read(i) for i in zipfile.ZipFile(buffer).infolist()}
    change(entries)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return out.getvalue()


def with_pickle(data):
    return torch_zip(lambda entries: entries.__setitem__("archive/data.pkl", data))


def renamed(old, new):
    def change(entries):
        entries[new] = entries.pop(old)

    return torch_zip(change)


def deflated_bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\0" * (100 * MEBIBYTE))
    return out.getvalue()


class Call:
    """An object whose unpickling would call `function`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


PROTO, STOP = b"\x80\x02", b"."
TORCH = {
    "empty_pt": b"",
    "no_end_record": torch_zip()[:-22],
    "entries_claimed": torch_zip()[:-14] + struct.pack("<HH", 65535, 65535) + torch_zip()[-10:],
    "entry_past_the_end": torch_zip()[:-6] + struct.pack("<I", 2**31) + torch_zip()[-2:],
    "wrong_crc": torch_zip().replace(b"\0" * 48, b"\1" * 48, 1),
    "deflated_1000_times": deflated_bomb(),
    "name_with_dots": renamed("archive/version", "archive/../../version"),
    "absolute_name": renamed("archive/version", "/etc/version"),
    "os_system": with_pickle(pickle.dumps({"x": Call(os.system, "touch /nowhere")}, 2)),
    "global_os_system": with_pickle(PROTO + b"cos\nsystem\n(X\x04\0\0\0trueTR" + STOP),
    "builtins_eval": with_pickle(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93" + STOP),
    "inst": with_pickle(b"(S'true'\nios\nsystem\n" + STOP),
    "memo_2_to_31": with_pickle(PROTO + b"}r" + struct.pack("<I", 2**31) + STOP),
    "no_stop": with_pickle(PROTO + b"}"),
    "stack_underflow": with_pickle(PROTO + b"sss" + STOP),
    "million_nested_tuples": with_pickle(PROTO + b")" + b"\x85" * 10**6 + STOP),
    "long4_minus_one": with_pickle(PROTO + b"\x8b\xff\xff\xff\xff" + STOP),
    "string_past_the_end": with_pickle(PROTO + b"X\xff\xff\xff\x7fabc" + STOP),
    "persistent_id_a_number": with_pickle(PROTO + b"K\x01Q" + STOP),
    "tar": b"sys_info".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 500,
    "text": b"not a checkpoint",
    "no_tensors": with_pickle(pickle.dumps({"epoch": 3}, 2)),
    "integer_keys": with_pickle(pickle.dumps({3: 4}, 2)),
}


def good():
    return {"head.weight": torch.zeros(3, 4), "head.bias": torch.zeros(3)}


class Outcome:
    def __init__(self, arguments):
        """Runs vit-convert; its peak of resident memory (KiB, shared libraries included) is kept."""
        started = time.monotonic()
        process = subprocess.Popen([BIN / "vit-convert", *map(str, arguments)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.stderr = process.stderr.read()
        self.stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.rc, self.seconds, self.kib = process.returncode, time.monotonic() - started, usage.ru_maxrss
        self.cpu = usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="module")
def base(vit):
    """An empty run: what starting the program costs."""
    return min((Outcome(["--version"]) for _ in range(3)), key=lambda outcome: outcome.cpu)


def expect_refused(path, base, tmp_path, arch="vit_tiny_patch16_224"):
    arguments = [path, tmp_path / "out.safetensors"] + (["--arch", arch] if arch else [])
    outcome = Outcome(arguments)
    assert outcome.rc == 1, outcome.stderr
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("vit-convert: error: ")]
    assert len(lines) == 1 and lines[0].startswith(f"vit-convert: error: {path}: "), outcome.stderr
    assert outcome.stdout == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]
    # Processor time: a busy machine must not fail the test.
    assert outcome.cpu - base.cpu <= 1.0
    # The file itself may be mapped; 64 MiB is what may be allocated beside it.
    assert outcome.kib - base.kib <= 64 * 1024 + os.path.getsize(path) // 1024
    return lines[0]


@pytest.mark.parametrize("name", SAFETENSORS)
def test_a_safetensors_file_that_lies(name, base, tmp_path):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(SAFETENSORS[name])
    expect_refused(path, base, tmp_path, None if name.startswith("config") else "vit_tiny_patch16_224")


@pytest.mark.parametrize("name", TORCH)
def test_a_torch_file_that_lies(name, base, tmp_path):
    path = tmp_path / "hostile.pt"
    path.write_bytes(TORCH[name])
    line = expect_refused(path, base, tmp_path)
    if "system" in name:
        assert "system" in line  # the global that was refused is named
    if name == "wrong_crc":
        assert "--no-crc-check" in line


@pytest.mark.parametrize("name, state, part", [
    ("missing", {}, "missing"),
    ("integers", {**good(), "head.weight": torch.zeros(3, 192, dtype=torch.int64)}, "floating-point"),
    ("misshapen", good(), "head.weight: expected shape [3, 192], found [3, 4]"),
    ("other_architecture", {"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.bias": torch.zeros(10)}, "conv1.weight"),
])
def test_tensors_that_are_not_the_models(name, state, part, base, tmp_path):
    path = tmp_path / "other.safetensors"
    path.write_bytes(save(state) if state else header({}))
    assert part in expect_refused(path, base, tmp_path)


@pytest.mark.parametrize("text, part", [
    ("", "expected JSON"), ("[]", "object"), ("[" * 100000, "at most 64 levels"), ('{"model": {"depth": 1e999}}', ""),
    ('{"model": {"depth": -3}}', "depth"), ('{"architecture": "vit_tiny_patch16_224", "pretrained_cfg": 3}', "pretrained"),
    ('{"architecture": 3}', "architecture"), ('{"model": {"img_size": 99999999999999999999}}', "img_size")])
def test_a_configuration_that_lies(text, part, base, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "config.json").write_text(text)
    (folder / "model.safetensors").write_bytes(save(good()))
    outcome = Outcome([folder / "model.safetensors", tmp_path / "out.safetensors", "--config", folder / "config.json"])
    assert outcome.rc == 1 and len(outcome.stderr.splitlines()) == 1 and part in outcome.stderr
    assert outcome.stderr.startswith(f"vit-convert: error: {folder / 'config.json'}")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_what_cannot_be_read(base, tmp_path):
    os.mkfifo(tmp_path / "fifo.pt")
    for name in ("fifo.pt", "none.pt"):
        assert Outcome([tmp_path / name, tmp_path / "out.safetensors", "--arch", "vit_tiny_patch16_224"]).rc == 4
    (tmp_path / "empty").mkdir()
    assert Outcome([tmp_path / "empty", tmp_path / "out.safetensors", "--arch", "vit_tiny_patch16_224"]).rc == 1


def test_crc_is_not_looked_at_when_asked(vit, tmp_path):
    path = tmp_path / "hostile.pt"
    path.write_bytes(TORCH["wrong_crc"])
    done = vit.convert(path, "--inspect", "--no-crc-check")
    assert "head.weight F32 [3,4]" in done.stdout
