#!/usr/bin/env python3
"""Trains one recipe with vit-train and with PyTorch and timm, one after the other: accuracy and time of both.

    .venv/bin/python tests/bench/same_recipe.py [--recipe fashion-mnist] [--epochs 3] [--threads 2] [--seeds 42 43]
                                                [--device cuda] [-- FLAG OF vit-train...]

Every value of the Python side is what `vit-train --dry-run` says of the run: model, optimiser, schedule, augmentation,
average. A value that this script does not know is an error that names it. Both train `--epochs` epochs in all (their schedules
end there) on the same images and initialise their weights alike; only the random numbers differ. The Python side has its images
in memory and augments whole batches of tensors. Exit 1 where the accuracies, means over the seeds of those after the last
epoch, differ by more than 0.5 points.
"""

import argparse
import gzip
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
import timm
import timm.data
import timm.data.random_erasing
import timm.loss
import timm.optim
import timm.scheduler
import timm.utils
import torch
from timm.models.vision_transformer import VisionTransformer

ROOT = pathlib.Path(__file__).resolve().parents[2]
POINTS = 0.5

# The model's options that timm has by another name, and those that timm's model does without.
RENAMED = {"in_c": "in_chans", "drop_path_ratio": "drop_path_rate"}
NOT_TIMMS = {"qk_scale", "representation_size", "distilled", "drop_ratio", "attn_drop_ratio", "patch_norm", "dist_head",
             "fused_attn", "embed_norm_eps", "norm_eps"}
NEEDED = {"qk_scale": None, "representation_size": None, "distilled": False, "drop_ratio": 0, "attn_drop_ratio": 0,
          "patch_norm": False, "norm_eps": 1e-6}

# Options of a run that this script carries out, and those that say nothing of what is computed.
KNOWN = {"epochs", "batch_size", "opt", "lr", "lr_base", "lr_base_size", "weight_decay", "momentum", "clip_grad", "sched",
         "warmup_epochs", "warmup_steps", "warmup_lr", "min_lr", "amp", "hflip", "crop_mode", "padding", "reprob", "remode",
         "recount", "smoothing", "mixup", "cutmix", "mixup_prob", "mixup_switch_prob", "mixup_mode", "mixup_off_epoch",
         "drop_path", "ema", "ema_warmup", "mean", "std", "model_args", "seed"}
NEUTRAL = {"data", "recipe", "output", "val_every", "checkpoint_every", "keep", "log_every", "tensorboard",
           "workers", "threads", "device", "crop_pct", "labels", "grad_checkpointing", "kernels",
           "matmul_precision", "train_interpolation"}


def read_idx(folder, name):
    path = next(path for path in (folder / f"{name}.gz", folder / name) if path.exists())
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape).copy())


def plan(program, words):
    done = subprocess.run([program, *words, "--dry-run"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def check_known(program, data, options):
    """Everything that was asked for is done on both sides."""
    defaults = plan(program, ["--data", data])["options"]
    unknown = {key: value for key, value in options.items()
               if key not in KNOWN | NEUTRAL and value != defaults.get(key, value)}
    if options["crop_mode"] not in ("shift", "none"):
        unknown["crop_mode"] = options["crop_mode"]
    if options["sched"] != "cosine":
        unknown["sched"] = options["sched"]
    if unknown:
        sys.exit(f"not in this script: {unknown}")


def make_model(form):
    for key, value in NEEDED.items():
        if form[key] != value:
            sys.exit(f"not in this script: {key} {form[key]}")
    arguments = {RENAMED.get(key, key): value for key, value in form.items()
                 if key not in NOT_TIMMS and value is not None and value != ""}
    for key, value in (("block_fn", "Block"), ("mlp_layer", "mlp")):
        if arguments.pop(key, value) != value:
            sys.exit(f"not in this script: {key}")
    model = VisionTransformer(**arguments)
    # vit-train's start, which is the seed's.
    for tokens in (model.pos_embed, model.cls_token):
        if tokens is not None:
            torch.nn.init.trunc_normal_(tokens, std=0.02)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.trunc_normal_(module.weight, std=0.01)
        elif isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)) and module.bias is not None:
            torch.nn.init.zeros_(module.bias)
    return model


class Batches:
    """Augmented batches [B, 1, H, W] of an epoch, in a new order each time."""

    def __init__(self, images, labels, o, device):
        self.images, self.labels, self.o, self.device = images, labels, o, device
        self.erase = timm.data.random_erasing.RandomErasing(o["reprob"], mode=o["remode"], max_count=o["recount"], device="cpu")

    def __iter__(self):
        size = self.o["batch_size"]
        order = torch.randperm(len(self.images))
        for begin in range(0, len(order) - size + 1, size):
            index = order[begin:begin + size]
            yield self.augment(self.images[index]).to(self.device), self.labels[index].to(self.device)

    def augment(self, images):
        batch, height, width = images.shape
        if self.o["crop_mode"] == "shift":
            pad = self.o["padding"]
            padded = torch.nn.functional.pad(images, (pad,) * 4)
            y = torch.randint(0, 2 * pad + 1, (batch, 1, 1)) + torch.arange(height)[None, :, None]
            x = torch.randint(0, 2 * pad + 1, (batch, 1, 1)) + torch.arange(width)[None, None, :]
            images = padded[torch.arange(batch)[:, None, None], y, x]
        flipped = torch.rand(batch) < self.o["hflip"]
        images = torch.where(flipped[:, None, None], images.flip(2), images)
        images = normalised(images, self.o)
        return self.erase(images) if self.o["reprob"] > 0 else images


def normalised(images, o):
    return ((images.float() / 255 - o["mean"][0]) / o["std"][0])[:, None]


def train_with_timm(dry, data, seed, threads, device):
    """Top-1 after the last epoch, and seconds."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    torch.set_num_threads(threads)
    o, form = dry["options"], dry["model"]["model"]
    o = {**o, "mean": dry["model"]["preprocessing"]["mean"], "std": dry["model"]["preprocessing"]["std"]}
    batches = Batches(read_idx(data, "train-images-idx3-ubyte"), read_idx(data, "train-labels-idx1-ubyte").long(), o,
                      device)
    images, labels = read_idx(data, "t10k-images-idx3-ubyte"), read_idx(data, "t10k-labels-idx1-ubyte").long()
    begin = time.perf_counter()
    model = make_model(form).train().to(device)
    optimizer = timm.optim.create_optimizer_v2(model, opt=o["opt"], lr=dry["lr"], weight_decay=o["weight_decay"],
                                               **({} if "ada" in o["opt"] else {"momentum": o["momentum"]}))
    epochs = 0.05 * o["epochs"] if o["warmup_epochs"] is None else o["warmup_epochs"]
    warmup = o["warmup_steps"] or round(epochs * dry["steps_per_epoch"])
    scheduler = timm.scheduler.CosineLRScheduler(
        optimizer, t_initial=dry["total_steps"], lr_min=o["min_lr"], warmup_t=warmup, warmup_lr_init=o["warmup_lr"],
        t_in_epochs=False)
    average = timm.utils.ModelEmaV3(model, decay=o["ema"], use_warmup=o["ema_warmup"]) if o["ema"] else None
    mix = None
    if o["mixup"] > 0 or o["cutmix"] > 0:
        mix = timm.data.Mixup(o["mixup"], o["cutmix"], prob=o["mixup_prob"], switch_prob=o["mixup_switch_prob"],
                              mode=o["mixup_mode"], label_smoothing=o["smoothing"], num_classes=form["num_classes"])
    amp = {"off": None, "bf16": torch.bfloat16}[o["amp"]]
    step = 0
    for epoch in range(o["epochs"]):
        mixed = mix is not None and not 0 < o["mixup_off_epoch"] <= epoch
        for inputs, targets in batches:
            if mixed:
                inputs, targets = mix(inputs, targets)
            scheduler.step_update(step)
            with torch.autocast(device, dtype=amp or torch.bfloat16, enabled=amp is not None):
                logits = model(inputs)
            loss = torch.nn.functional.cross_entropy(logits.float(), targets, label_smoothing=0 if mixed else o["smoothing"])
            optimizer.zero_grad()
            loss.backward()
            if o["clip_grad"]:
                torch.nn.utils.clip_grad_norm_(model.parameters(), o["clip_grad"])
            optimizer.step()
            step += 1
            if average:
                average.update(model, step=step)
        model.eval()  # after every epoch, as vit-train does
        judged = average.module if average else model
        with torch.no_grad():
            right = sum((judged(normalised(some, o).to(device)).argmax(1).cpu() == truth).sum().item()
                        for some, truth in zip(images.split(1000), labels.split(1000)))
        model.train()
    return 100 * right / len(images), time.perf_counter() - begin


def train_with_vit(program, words, folder, seed):
    done = subprocess.run([program, *words, "--seed", str(seed), "-o", folder / "run", "--force", "-q"], capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    rows = [json.loads(line) for line in open(folder / "run/log.jsonl")]
    last = [row for row in rows if row["event"] == "epoch"][-1]
    return last["eval_top1"], last["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="fashion-mnist")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--program", default=ROOT / "build/release/bin/vit-train")
    parser.add_argument("flags", nargs="*", help="of vit-train")
    asked = parser.parse_args()
    words = ["--data", asked.data, "--recipe", asked.recipe, "--epochs", asked.epochs, "--threads", asked.threads, "--device",
             asked.device, *asked.flags]
    words = list(map(str, words))
    dry = plan(asked.program, words)
    check_known(asked.program, str(asked.data), dry["options"])
    found = {"vit-train": [], "PyTorch + timm": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in asked.seeds:
            for name, train in (("vit-train", lambda: train_with_vit(asked.program, words, pathlib.Path(folder), seed)),
                                ("PyTorch + timm", lambda: train_with_timm(dry, asked.data, seed, asked.threads, asked.device))):
                top1, seconds = train()
                print(f"{asked.recipe}, {asked.epochs} epochs, seed {seed}  {name:>14}: top-1 {top1:.2f} %, {seconds:.0f} s",
                      flush=True)
                found[name].append((top1, seconds))
    (ours, our_seconds), (theirs, their_seconds) = (np.mean(rows, axis=0) for rows in found.values())
    print(f"vit-train {ours:.2f} %, PyTorch + timm {theirs:.2f} %: {ours - theirs:+.2f} points, "
          f"in {our_seconds / their_seconds:.2f} of its time")
    sys.exit(0 if abs(ours - theirs) <= POINTS else 1)


if __name__ == "__main__":
    main()
