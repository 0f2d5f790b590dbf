#!/usr/bin/env python3
"""Times training beside timm's own loop, in turns: images per second and peak memory, and their ratio.

    .venv/bin/python tests/bench/train.py [--arch vit_tiny_patch16_224:16 vit_small_patch16_224:8 fashion-mnist:128]
                                          [--amp bf16] [--kernels torch own high] [--compile] [--steps 10] [--rounds 3]
                                          [--device cuda]
                                          [-- FLAG OF vit-train...]

Both sides train on 224×224 images of ten classes with AdamW, label smoothing and clipping; timm's loop has its images in
memory, on CUDA the device's; vit-train decodes JPEGs. `fashion-mnist` is the model of that recipe, on 28×28 pixels in IDX
files. `--kernels` names what vit-train computes the blocks by; `high` is own kernels with `--matmul-precision high`. Each
round runs one process a side; a process's figure is its fastest step. Memory is the host's.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSES = 10
FASHION = "fashion-mnist"
KERNELS = {
    "torch": ["--kernels", "torch"],
    "own": ["--kernels", "own"],
    "high": ["--kernels", "own", "--matmul-precision", "high"],
}


def timm_model(arch, program, data):
    """The model, and the size of its images."""
    import timm

    if arch == FASHION:
        import same_recipe

        form = same_recipe.plan(program, ["--data", data, "--recipe", FASHION])["model"]["model"]
        return same_recipe.make_model(form), (form["in_c"], form["img_size"], form["img_size"])
    return timm.create_model(arch, num_classes=CLASSES), timm.get_pretrained_cfg(arch).input_size


def timm_loop(arch, batch, steps, amp, compiled, device, program, data):
    """One process: prints the fastest step's images per second, and the peak memory in MiB."""
    import timm.optim
    import torch

    def finished():
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    torch.manual_seed(0)
    model, size = timm_model(arch, program, data)
    model.train().to(device)
    optimizer = torch.optim.AdamW(timm.optim.param_groups_weight_decay(model, 0.05), lr=1e-3, fused=True)
    forward = torch.compile(model) if compiled else model
    images = torch.randn(batch, *size, device=device)
    labels = torch.randint(0, CLASSES, (batch,), device=device)
    fastest = float("inf")
    for step in range(steps + 3):
        begin = finished()
        with torch.autocast(device, torch.bfloat16, enabled=amp == "bf16"):
            loss = torch.nn.functional.cross_entropy(forward(images), labels, label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step >= 3:
            fastest = min(fastest, finished() - begin)
    print(json.dumps([batch / fastest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def make_images(folder, count):
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for half, images in (("train", count), ("val", CLASSES)):
        for i in range(images):
            place = folder / half / str(i % CLASSES)
            place.mkdir(parents=True, exist_ok=True)
            coarse = random.integers(0, 256, (28, 28, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((224, 224)).save(place / f"{i}.jpg")


def make_idx(folder, count):
    import numpy as np

    random = np.random.default_rng(0)
    folder.mkdir()
    for half, images in (("train", count), ("t10k", CLASSES)):
        header = b"".join(value.to_bytes(4, "big") for value in (0x803, images, 28, 28))
        pixels = random.integers(0, 256, (images, 28, 28), dtype=np.uint8)
        (folder / f"{half}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        labels = np.arange(images, dtype=np.uint8) % CLASSES
        (folder / f"{half}-labels-idx1-ubyte").write_bytes(b"".join(v.to_bytes(4, "big") for v in (0x801, images)) + labels.tobytes())


def vit_train(program, data, output, arch, batch, steps, amp, flags):
    model = ["--recipe", FASHION, "--cutmix", 0] if arch == FASHION else ["--model", arch]
    command = [program, "--data", data, *model, "--epochs", 1000, "--batch-size", batch, "--max-steps", steps + 3,
               "--log-every", 1, "--opt", "adamw", "--lr", 1e-3, "--weight-decay", 0.05, "--smoothing", 0.1,
               "--clip-grad", 1.0, "--val-every", 1000, "-q", "-o", output, "--force", *(["--amp", amp] if amp else []), *flags]
    done = subprocess.run(["/usr/bin/env", "python3", "-c", MEASURE, *map(str, command)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"vit-train: {done.stderr}")
    rows = [json.loads(line) for line in open(output / "log.jsonl")]
    # The log's rate is of an average, mean = 0.95 mean + 0.05 step: each step's own seconds follow from two of them.
    means = [batch / row["images_per_second"] for row in rows if row["event"] == "step"]
    seconds = [(mean - 0.95 * before) / 0.05 for before, mean in zip(means, means[1:])]
    return batch / min(seconds[2:]), float(done.stdout)


# Runs a command and prints its peak memory in MiB.
MEASURE = ("import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=sys.stderr); "
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024); sys.exit(done.returncode)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["vit_tiny_patch16_224:16", "vit_small_patch16_224:8"],
                        help="architecture:batch size")
    parser.add_argument("--amp", choices=["bf16"])
    parser.add_argument("--kernels", nargs="+", choices=list(KERNELS), default=["torch", "own"])
    parser.add_argument("--compile", action="store_true", help="torch.compile as a peer too")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--program", default=ROOT / "build/release/bin/vit-train")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("flags", nargs="*", help="of vit-train")
    options = parser.parse_args()
    if options.one:
        arch, batch, data = options.one
        return timm_loop(arch, int(batch), options.steps, options.amp, options.compile, options.device, options.program,
                         data)

    amp = ["--amp", options.amp] if options.amp else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        make_images(folder / "data", 256)
        make_idx(folder / FASHION, 4096)
        for architecture in options.arch:
            arch, batch = architecture.split(":")
            data = folder / (FASHION if arch == FASHION else "data")
            peers = {"eager": []} | ({"compiled": ["--compile"]} if options.compile else {})
            speed, memory = {}, {}

            def note(name, figures):
                speed[name] = max(speed.get(name, 0), figures[0])
                memory[name] = max(memory.get(name, 0), figures[1])

            for _ in range(options.rounds):
                for name, flags in peers.items():
                    command = [sys.executable, __file__, "--one", arch, batch, data, "--program",
                               options.program, "--steps", str(options.steps), "--device", options.device, *amp, *flags]
                    note(name, json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
                for name in options.kernels:
                    note(f"vit-train, {name}", vit_train(options.program, data, folder / "run", arch, int(batch), options.steps,
                                                         options.amp, ["--device", options.device, *KERNELS[name], *options.flags]))
            best = max(speed[name] for name in peers)
            for name in speed:
                print(f"{arch} batch {batch} {options.amp or 'fp32'} {name:>16}: {speed[name]:7.2f} images/s, "
                      f"{memory[name]:5.0f} MiB, {speed[name] / best:.2f} times the best peer's speed", flush=True)


if __name__ == "__main__":
    main()
