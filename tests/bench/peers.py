#!/usr/bin/env python3
"""Times the engine beside ONNX Runtime, OpenVINO and timm in one run, interleaved.

    peers.py --worker-program build/bench/bin/vit_engine_worker --batch 1 8 32

Each program stays alive; a round asks one after the other for a few forward passes, so that a
change of the machine's speed falls on all. Prints milliseconds for each image (least and median)
and each peer's time over ours. Peers: ort and openvino (PyPI: onnx, onnxruntime, openvino), eager
and compile (torch). timm exports the ONNX file once (random weights). With --precision bf16 the peers
openvino, eager and compile run in bfloat16; with int8 there are ort (dynamic, a scale for each
channel) and openvino (NNCF, calibrated, the rest in bfloat16 where the processor has it; PyPI: nncf).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time


def export(path, architecture):
    if path.exists():
        return
    import timm
    import torch

    timm.layers.set_fused_attn(False)
    size = timm.get_pretrained_cfg(architecture).input_size
    model = timm.create_model(architecture).eval()
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
    run = forward_of(arguments.worker[0], pathlib.Path(arguments.onnx), arguments.architecture,
                     arguments.precision, int(arguments.worker[1]), arguments.threads,
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


def start(command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline().strip() != "ready":
        raise SystemExit(f"peers: {command[0]} did not start")
    return process


def measure(processes, rounds, repetitions):
    times = {name: [] for name in processes}
    for _ in range(rounds):
        for name, process in processes.items():
            process.stdin.write(f"{repetitions}\n")
            process.stdin.flush()
            times[name] += json.loads(process.stdout.readline())
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "fp32x3", "bf16", "int8"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--peers", nargs="*", default=["ort", "openvino"])
    parser.add_argument("--worker-program", default="build/bench/bin/vit_engine_worker")
    parser.add_argument("--onnx", help="exported model; made there if missing",
                        default="build/bench/peers.onnx")
    parser.add_argument("--size", type=int, nargs=3, default=[3, 224, 224], help="C H W")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments)
    if {"ort", "openvino"} & set(arguments.peers):
        export(pathlib.Path(arguments.onnx), arguments.architecture)
    for batch in arguments.batch:
        common = ["--architecture", arguments.architecture, "--onnx", arguments.onnx,
                  "--precision", arguments.precision, "--threads", str(arguments.threads), "--size", *map(str, arguments.size)]
        processes = {"engine": start([arguments.worker_program, arguments.architecture, str(batch),
                                      str(arguments.threads), arguments.precision])}
        for peer in arguments.peers:
            processes[peer] = start([sys.executable, __file__, *common, "--worker", peer,
                                     str(batch)])
        times = measure(processes, arguments.rounds, arguments.repetitions)
        for process in processes.values():
            process.stdin.close()
            process.wait()
        least = min(times["engine"])
        for name, values in times.items():
            print(f"batch {batch:3}  {name:10}  least {min(values):7.1f}  "
                  f"median {statistics.median(values):7.1f} ms/image  "
                  f"least over ours {min(values) / least:.2f}", flush=True)


if __name__ == "__main__":
    main()
