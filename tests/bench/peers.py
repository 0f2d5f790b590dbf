#!/usr/bin/env python3
"""Times the engine beside ONNX Runtime, OpenVINO and timm in one run, interleaved.

    cmake --preset bench && cmake --build build/bench --target vit_engine_worker
    .venv/bin/python tests/bench/peers.py > table.md

Each program stays alive; a round asks one after the other for a few forward passes, so that a change of the machine's
speed falls on all. Prints a table in Markdown: for each precision and batch size the engine's least milliseconds for an
image, and each peer's least time over it. What was measured goes to stderr line by line.

Peers: ort and openvino (PyPI: onnx, onnxruntime, openvino), eager and compile (torch.compile with freezing). timm exports
the ONNX file once (random weights). In fp32x3 the peers are those of fp32. In bf16 openvino, eager and compile run in
bfloat16; of int8 there are ort (dynamic, a scale for each channel) and openvino (NNCF, calibrated, the rest in bfloat16
where the processor has it; PyPI: nncf); int8-calibrated is the engine with a file's scales for what layers read. A peer
that does not start, or dies, is left out.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time


NAMES = {"ort": "ONNX Runtime", "openvino": "OpenVINO", "compile": "torch.compile", "eager": "timm eager"}
PROCESSORS = ["avx2", "avx512", "avx512_vnni", "avx512_bf16"]
PEERS = {"fp32": ["ort", "openvino", "compile", "eager"], "fp32x3": ["ort", "openvino", "compile", "eager"],
         "bf16": ["openvino", "compile", "eager"], "int8": ["ort", "openvino"], "int8-calibrated": ["ort", "openvino"]}


def export(path, architecture):
    if path.exists():
        return
    import timm

    timm.layers.set_fused_attn(False)
    size = timm.get_pretrained_cfg(architecture).input_size
    export_model(timm.create_model(architecture).eval(), size, path)


def export_model(model, size, path):
    """With a batch of any size; `timm.layers.set_fused_attn(False)` came before the model."""
    import torch

    torch.onnx.export(model, (torch.randn(2, *size),), str(path), opset_version=17, dynamo=False,
                      input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})


def quantize_for_ort(path):
    """Beside the ONNX file, once: its weights as int8, activations quantised while it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    small = path.with_suffix(".int8.onnx")
    if not small.exists():
        prepared = path.with_suffix(".prepared.onnx")
        quant_pre_process(str(path), str(prepared))
        quantize_dynamic(str(prepared), str(small), weight_type=QuantType.QInt8, per_channel=True,
                         op_types_to_quantize=["MatMul", "Gemm"])
    return small


def quantize_for_openvino(path, size):
    small = path.with_suffix(".int8.xml")
    if not small.exists():
        import nncf
        import numpy
        import openvino

        random = numpy.random.default_rng(0)
        images = [random.standard_normal((1, *size)).astype("f4") for _ in range(16)]
        model = nncf.quantize(openvino.Core().read_model(str(path)), nncf.Dataset(images),
                              model_type=nncf.ModelType.TRANSFORMER)
        openvino.save_model(model, str(small))
    return small


def forward_of(peer, path, architecture, precision, batch, threads, channels, height, width):
    """A function that runs one forward pass of the peer."""
    import numpy

    images = numpy.full((batch, channels, height, width), 0.5, dtype=numpy.float32)
    if peer == "ort":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = quantize_for_ort(path) if precision == "int8" else path
        session = onnxruntime.InferenceSession(str(path), options,
                                               providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": images})
    if peer == "openvino":
        import openvino

        core = openvino.Core()
        if precision == "int8":
            path = quantize_for_openvino(path, (channels, height, width))
        bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        model = core.read_model(str(path))
        model.reshape({model.inputs[0]: list(images.shape)})
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 and precision in ("bf16", "int8") else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()
        return lambda: request.infer([images])
    import timm
    import torch

    torch.set_num_threads(threads)
    model, tensor = timm.create_model(architecture).eval(), torch.from_numpy(images)
    if precision == "bf16":
        model, tensor = model.bfloat16(), tensor.bfloat16()
    if peer == "compile":
        import torch._inductor.config

        torch._inductor.config.freezing = True
        model = torch.compile(model)

    def run():
        with torch.no_grad():
            model(tensor)

    return run


def worker(arguments):
    with contextlib.redirect_stdout(sys.stderr):  # NNCF's bars, say; ours is for the answers
        run = forward_of(arguments.worker[0], pathlib.Path(arguments.onnx), arguments.architecture,
                         arguments.precision.split("-")[0], int(arguments.worker[1]), arguments.threads,
                         *arguments.size)
        for _ in range(3):
            run()
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3 / int(arguments.worker[1]))
        print(json.dumps(times), flush=True)


def older_processor(arguments):
    """What the environment of all programs needs to find the processor that --processor asks for."""
    if not arguments.processor:
        return {}
    library = pathlib.Path(arguments.worker_program).resolve().with_name("libvit_older_processor.so")
    if not library.exists():
        raise SystemExit(f"peers: {library}: expected the library that --processor needs (target vit_older_processor)")
    return {"LD_PRELOAD": str(library), "VIT_PROCESSOR": arguments.processor}


def start(command, environment):
    """The process, or none where it does not start."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **environment})
    return process if process.stdout.readline().strip() == "ready" else None


def ask(process, repetitions):
    """Milliseconds for an image of each pass; empty where the process has died."""
    try:
        process.stdin.write(f"{repetitions}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    except (BrokenPipeError, json.JSONDecodeError):
        return []


def measure(processes, batch, rounds, seconds):
    """Each one's times. A turn takes about `seconds`, one pass at least."""
    times = {name: [] for name in processes}
    for _ in range(rounds):
        for name, process in processes.items():
            taken = min(times[name], default=None)
            passes = 1 if taken is None else max(1, round(seconds * 1e3 / (taken * batch)))
            times[name] += ask(process, passes)
    return times


def cpu():
    """The processor by what it can do: its name says little of a virtual machine."""
    with open("/proc/cpuinfo") as lines:
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8") if flag in flags]
    return f"{len(os.sched_getaffinity(0))} cores with {', '.join(known)}"


def machine(arguments):
    return cpu() + (f", shown to the programs as {arguments.processor}" if arguments.processor else "")


def compare(arguments, precision, batch):
    """A row of the table."""
    common = ["--architecture", arguments.architecture, "--onnx", arguments.onnx, "--precision", precision,
              "--threads", str(arguments.threads), "--size", *map(str, arguments.size)]
    level = [arguments.level] if arguments.level else []
    processor = older_processor(arguments)
    processes = {"engine": start([arguments.worker_program, arguments.architecture, str(batch), str(arguments.threads),
                                  precision, *level], processor)}
    if processes["engine"] is None:
        raise SystemExit(f"peers: {arguments.worker_program} does not start")
    for peer in arguments.peers:
        if peer in PEERS[precision]:
            processes[peer] = start([sys.executable, __file__, *common, "--worker", peer, str(batch)], processor)
    alive = {name: process for name, process in processes.items() if process is not None}
    times = measure(alive, batch, arguments.rounds, arguments.seconds)
    for process in alive.values():
        process.stdin.close()
        process.wait()
    ours = min(times["engine"])
    for name, values in times.items():
        if values:
            print(f"{precision} batch {batch}: {name:9} least {min(values):7.1f} median {statistics.median(values):7.1f} "
                  f"ms/image, least over ours {min(values) / ours:.2f}", file=sys.stderr, flush=True)
    ratios = {name: min(values) / ours for name, values in times.items() if values and name != "engine"}
    cells = [f"{ratios[peer]:.2f}" if peer in ratios else "" for peer in arguments.peers]
    best = f"**{min(ratios.values()):.2f}**" if ratios else ""
    return f"| {precision} | {batch} | {ours:.1f} | " + " | ".join(cells) + f" | {best} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--precision", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--peers", nargs="*", default=["ort", "openvino", "compile", "eager"])
    parser.add_argument("--worker-program", default="build/bench/bin/vit_engine_worker")
    parser.add_argument("--level", help="the engine's instructions, as `avx2`; the peers take what they find")
    parser.add_argument("--processor", choices=PROCESSORS,
                        help="all programs find a processor that has nothing newer (vit_older_processor)")
    parser.add_argument("--onnx", default="build/bench/peers.onnx", help="exported model; made there if missing")
    parser.add_argument("--size", type=int, nargs=3, default=[3, 224, 224], help="C H W")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        arguments.precision = arguments.precision[0]
        return worker(arguments)
    if {"ort", "openvino"} & set(arguments.peers):
        pathlib.Path(arguments.onnx).parent.mkdir(parents=True, exist_ok=True)
        export(pathlib.Path(arguments.onnx), arguments.architecture)
    print(f"{arguments.architecture}, {arguments.threads} threads on {machine(arguments)}; milliseconds an image, and the peers' time over "
          "the engine's\n")
    print("| precision | batch | engine | " + " | ".join(NAMES[peer] for peer in arguments.peers) + " | least |")
    print("|---" * (4 + len(arguments.peers)) + "|")
    for precision in arguments.precision:
        for batch in arguments.batch:
            print(compare(arguments, precision, batch), flush=True)


if __name__ == "__main__":
    main()
