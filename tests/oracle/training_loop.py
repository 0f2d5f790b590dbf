"""A training run in PyTorch and timm, on real images, with the random parts fixed: the oracle of vit-train's runs.

Images are Fashion-MNIST's; which of them make a batch is what vit-train draws by its keyed numbers.
"""

import gzip
import pathlib
import struct

import numpy as np
import pytest
import timm
import timm.optim
import timm.scheduler
import torch
from safetensors.torch import save_file

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
MEAN, STD = 0.286, 0.353
ARGUMENTS = dict(img_size=28, patch_size=7, in_chans=1, num_classes=10, embed_dim=48, depth=3, num_heads=3, mlp_ratio=2)
MASK = 2**64 - 1


class Random:
    """SplitMix64 keyed by (seed, epoch, stream), as vit/core/random.h states it."""

    def __init__(self, *key):
        self.state = key[0]
        for more in key[1:]:
            self.state = (self.next() + more) & MASK
        if len(key) > 1:
            self.state = self.next()

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, count):
        unbiased = MASK // count * count
        while (value := self.next()) >= unbiased:
            pass
        return value % count


def shuffled(count, seed, epoch):
    order = list(range(count))
    random = Random(seed, epoch, MASK)
    for i in range(count, 1, -1):
        j = random.below(i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def read_idx(path, count):
    """The first `count` images or labels."""
    with gzip.open(path) as file:
        dimensions = file.read(4)[3]
        shape = count, *struct.unpack(f">{dimensions}I", file.read(4 * dimensions))[1:]
        return np.frombuffer(file.read(np.prod(shape)), np.uint8).reshape(shape).copy()


def write_idx(path, array):
    header = struct.pack(">I", 0x800 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.tobytes())


def real_images(folder, train=640, validate=200):
    """The first images of Fashion-MNIST as a dataset in `folder`; returns those to train on, [N, 28, 28], and labels."""
    folder.mkdir()
    first = {name: read_idx(FASHION / f"{name}.gz", count) for prefix, count in (("train", train), ("t10k", validate))
             for name in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")}
    for name, array in first.items():
        write_idx(folder / name, array)
    return first["train-images-idx3-ubyte"], first["train-labels-idx1-ubyte"]


def make_model(seed=0, architecture="vit_tiny_patch16_224", **arguments):
    torch.manual_seed(seed)
    model = timm.create_model(architecture, **{**ARGUMENTS, **arguments})
    model.pretrained_cfg.update(mean=(MEAN,), std=(STD,))
    return model


def model_file(vit, folder, model, name="model", architecture="vit_tiny_patch16_224", mean=MEAN, std=STD, **arguments):
    """The timm model as a file that vit-train takes."""
    import json
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / f"{name}-timm.safetensors")
    arguments = {**ARGUMENTS, **arguments}
    (folder / f"{name}.json").write_text(json.dumps({
        "architecture": architecture, "num_classes": arguments["num_classes"], "model_args": arguments,
        "pretrained_cfg": {"mean": [mean], "std": [std], "crop_pct": 1.0}}))
    vit.convert(folder / f"{name}-timm.safetensors", folder / f"{name}.safetensors", "--config", folder / f"{name}.json", "-q")
    return folder / f"{name}.safetensors"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The folder of real_images(), and its images."""
    folder = tmp_path_factory.mktemp("real") / "data"
    return folder, real_images(folder)


class Loop:
    """`loss(logits, labels)` minimised by AdamW as timm makes it, with a cosine schedule by steps and clipping."""

    def __init__(self, images, labels, *, batch_size=32, lr=1e-3, steps=50, warmup=5, clip=1.0, seed=42, opt="adamw",
                 dtype=torch.float32):
        self.images = ((torch.from_numpy(images).to(dtype) / 255 - MEAN) / STD)[:, None]
        self.labels = torch.from_numpy(labels.astype(np.int64))
        self.batch_size, self.lr, self.steps, self.warmup = batch_size, lr, steps, warmup
        self.clip, self.seed, self.opt = clip, seed, opt

    def batches(self):
        epoch = 0
        while True:
            order = shuffled(len(self.images), self.seed, epoch)
            for begin in range(0, len(order) - self.batch_size + 1, self.batch_size):
                index = order[begin:begin + self.batch_size]
                yield self.images[index], self.labels[index]
            epoch += 1

    def run(self, model, loss_of, amp=None, scaler=None):
        """The loss of each step, and GradScaler's scale after it. `loss_of`: of (output, labels), or a timm task."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # tensors so small take twice as long on two
        try:
            return self.steps_of(model, loss_of, amp, scaler)
        finally:
            torch.set_num_threads(threads)

    def steps_of(self, model, loss_of, amp, scaler):
        model.train()
        optimizer = timm.optim.create_optimizer_v2(model, opt=self.opt, lr=self.lr, weight_decay=0.05)
        scheduler = timm.scheduler.CosineLRScheduler(
            optimizer, t_initial=self.steps, lr_min=0, warmup_t=self.warmup, warmup_lr_init=0, t_in_epochs=False)
        losses, scales = [], []
        for step, (images, labels) in zip(range(self.steps), self.batches()):
            scheduler.step_update(step)
            optimizer.zero_grad()
            if isinstance(loss_of, torch.nn.Module):
                loss = loss_of(images, labels)["loss"]
            else:
                with torch.autocast("cpu", dtype=amp or torch.bfloat16, enabled=amp is not None):
                    output = model(images)
                loss = loss_of(output, labels)
            losses.append(loss.item())
            if scaler is None:
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
                optimizer.step()
                continue
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
            scaler.step(optimizer)
            scaler.update()
            scales.append(scaler.get_scale())
        return losses, scales


def train(vit, out, data, model, *more, steps=50, rc=0):
    """The same run by vit-train; returns its rows of steps."""
    import json
    vit.run("vit-train", "--data", data, "--model", model, "-o", out, "--total-steps", steps, "--batch-size", 32,
            "--lr", 1e-3, "--weight-decay", 0.05, "--warmup-steps", 5, "--clip-grad", 1, "--smoothing", 0.1,
            "--crop-mode", "none", "--hflip", 0, "--log-every", 1, "--threads", 1, "--device", "cpu", *more, rc=rc)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row["event"] == "step"]


def smoothed(output, labels):
    return torch.nn.functional.cross_entropy(output.float() if output.dtype != torch.float64 else output, labels,
                                             label_smoothing=0.1)
