"""Training's arithmetic as torch.optim and timm do it, in float64.

Run with `.venv/bin/python tests/golden/make_train.py`; writes `train/train.json`.
"""

import itertools
import json
import math
import pathlib

import timm
import torch
from timm.data.mixup import mixup_target
from timm.loss import BinaryCrossEntropy, LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2, param_groups_layer_decay, param_groups_weight_decay
from timm.scheduler import CosineLRScheduler, PolyLRScheduler, StepLRScheduler
from timm.utils import ModelEmaV3

OUT = pathlib.Path(__file__).parent / "train"
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(7)


def draw(*shape):
    return torch.randn(*shape, generator=generator)


def entry(tensor):
    return {"shape": list(tensor.shape), "data": tensor.detach().flatten().tolist()}


def adamw():
    """Two groups, a learning rate that changes, a gradient that is missing once."""
    parameters = [torch.nn.Parameter(draw(3, 4)), torch.nn.Parameter(draw(5)),
                  torch.nn.Parameter(draw(2, 3, 1, 2))]
    start = [entry(p) for p in parameters]
    groups = [{"params": [parameters[0], parameters[2]], "weight_decay": 0.3, "lr_scale": 1.0},
              {"params": [parameters[1]], "weight_decay": 0.0, "lr_scale": 0.25}]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.8, 0.95), eps=1e-3, foreach=False)
    steps = []
    for i, lr in enumerate([0.1, 0.05, 0.2, 0.01]):
        for group in optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        gradients = [draw(*p.shape) for p in parameters]
        if i == 1:
            gradients[2] = None
        for p, g in zip(parameters, gradients):
            p.grad = g
        optimizer.step()
        steps.append({"lr": lr, "gradients": [None if g is None else entry(g) for g in gradients],
                      "parameters": [entry(p) for p in parameters]})
    return {"betas": [0.8, 0.95], "eps": 1e-3, "parameters": start,
            "groups": [{"members": [0, 2], "weight_decay": 0.3, "lr_scale": 1.0},
                       {"members": [1], "weight_decay": 0.0, "lr_scale": 0.25}],
            "steps": steps}


def schedules():
    """timm's schedulers, stepped per update as its train.py does."""
    def optimizer(lr):
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)

    made = []
    for lr, min_lr, total, warmup, warmup_lr in [
            (2e-3, 1e-5, 40, 7, 1e-6), (1e-3, 0.0, 25, 0, 0.0), (0.5, 0.1, 9, 3, 0.0)]:
        # As timm's scheduler factory does for its train.py: the warm-up is part of the schedule.
        common = dict(warmup_t=warmup, warmup_lr_init=warmup_lr, warmup_prefix=False, t_in_epochs=False)
        decay = 6
        for name, scheduler in [
                ("cosine", CosineLRScheduler(optimizer(lr), total, lr_min=min_lr, **common)),
                ("linear", PolyLRScheduler(optimizer(lr), total, power=1.0, lr_min=min_lr,
                                           **common)),
                ("step", StepLRScheduler(optimizer(lr), decay, decay_rate=0.3, **common))]:
            values = []
            for step in range(total + 1):
                scheduler.step_update(step)
                values.append(scheduler.optimizer.param_groups[0]["lr"])
            made.append({"name": name, "lr": lr, "min_lr": min_lr, "total_steps": total,
                         "warmup_steps": warmup, "warmup_lr": warmup_lr, "decay_steps": decay,
                         "decay_rate": 0.3, "values": values})
    return made


def losses():
    logits, targets = draw(6, 5) * 3, torch.tensor([0, 4, 2, 2, 1, 3])
    made = []
    for smoothing in [0.0, 0.1, 0.4]:
        value = LabelSmoothingCrossEntropy(smoothing)(logits, targets).item()
        # timm spreads the smoothing over all classes, the true one included, as torch does.
        torch_value = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, targets).item()
        assert math.isclose(value, torch_value, rel_tol=1e-12)
        made.append({"smoothing": smoothing, "value": value})
    return {"logits": entry(logits), "targets": targets.tolist(), "losses": made}


def clipping():
    made = []
    for max_norm in [0.5, 100.0]:
        parameters = [torch.nn.Parameter(torch.zeros(3, 2)), torch.nn.Parameter(torch.zeros(4))]
        for p in parameters:
            p.grad = draw(*p.shape)
        before = [entry(p.grad) for p in parameters]
        norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm).item()
        made.append({"max_norm": max_norm, "before": before, "norm": norm,
                     "after": [entry(p.grad) for p in parameters]})
    return made


def averages():
    made = []
    for warmup in [False, True]:
        model = torch.nn.Linear(3, 2, bias=False)
        model.weight.data = draw(2, 3)
        ema = ModelEmaV3(model, decay=0.6, use_warmup=warmup)
        start, updates = entry(model.weight), []
        for step in range(1, 7):  # train.py counts the update before it averages
            model.weight.data = draw(2, 3)
            ema.update(model, step=step)
            updates.append({"weight": entry(model.weight), "average": entry(ema.module.weight)})
        made.append({"decay": 0.6, "warmup": warmup, "start": start, "updates": updates})
    return made


def groups():
    """Weight decay and learning rate scale of each parameter of small ViTs, by timm's names."""
    models = {"distilled": timm.create_model("deit_tiny_distilled_patch16_224", depth=3),
              "registers": timm.create_model("vit_base_patch16_clip_224", depth=3, reg_tokens=4)}
    made = []
    for (kind, model), layer_decay in itertools.product(models.items(), [None, 0.65]):
        arguments = dict(weight_decay=0.05, no_weight_decay_list=model.no_weight_decay())
        if layer_decay is None:
            found = param_groups_weight_decay(model, **arguments)
        else:
            found = param_groups_layer_decay(model, layer_decay=layer_decay, **arguments)
        values = {}
        for group in found:
            for parameter in group["params"]:
                name = next(n for n, p in model.named_parameters() if p is parameter)
                values[name] = [group["weight_decay"], group.get("lr_scale", 1.0)]
        made.append({"model": kind, "layer_decay": layer_decay, "weight_decay": 0.05, "depth": 3,
                     "parameters": values})
    return made


def optimizers():
    """Twenty steps of each, as `create_optimizer_v2` makes it, over parameters of a ViT's shapes."""
    shapes = [(8, 6), (6, 8), (5,), (1, 3, 6), (5, 3, 2, 2), (5, 1, 2, 2), (2, 6)]
    decays = [0.1, 0.1, 0.0, 0.0, 0.1, 0.1, 0.1]
    start = [draw(*shape) for shape in shapes]
    gradients = [[draw(*shape) * 2.0 ** (step % 3) for shape in shapes] for step in range(20)]
    rates = [0.05 / (1 + step) for step in range(20)]
    made = []
    for name, arguments in [("adamw", {}), ("sgd", {}), ("momentum", {}), ("lamb", {}), ("lion", {}), ("muon", {}),
                            ("sgd", {"momentum": 0.5}), ("lamb", {"betas": (0.8, 0.95), "eps": 1e-3}),
                            ("muon", {"momentum": 0.95})]:
        parameters = [torch.nn.Parameter(value.clone()) for value in start]
        groups = [{"params": [p for p, d in zip(parameters, decays) if d == decay], "weight_decay": decay}
                  for decay in (0.1, 0.0)]
        optimizer = create_optimizer_v2(groups, name, lr=1.0, **arguments)
        for step, rate in enumerate(rates):
            for group in optimizer.param_groups:
                group["lr"] = rate
            for i, p in enumerate(parameters):
                p.grad = None if (step, i) == (7, 1) else gradients[step][i].clone()
            optimizer.step()
        made.append({"name": name, "arguments": arguments, "parameters": [entry(p) for p in parameters]})
    return {"start": [entry(value) for value in start], "decays": decays, "rates": rates, "missing": [7, 1],
            "gradients": [[entry(g) for g in step] for step in gradients], "optimizers": made}


def soft_losses():
    """Losses of shares of the classes, and binary cross-entropy of labels, as train.py asks for them."""
    logits, labels = draw(6, 5) * 3, torch.tensor([0, 4, 2, 2, 1, 3])
    shares = mixup_target(labels, 5, lam=0.7, smoothing=0.1)
    made = [{"kind": "soft", "value": SoftTargetCrossEntropy()(logits, shares).item()}]
    for smoothing, thresh, summed in itertools.product([0.0, 0.2], [None, 0.3], [False, True]):
        bce = BinaryCrossEntropy(smoothing=smoothing, target_threshold=thresh, sum_classes=summed)
        made.append({"kind": "bce", "smoothing": smoothing, "thresh": thresh, "sum": summed,
                     "of_labels": bce(logits, labels).item(), "of_shares": bce(logits, shares).item()})
    return {"logits": entry(logits), "labels": labels.tolist(), "shares": entry(shares), "losses": made}


OUT.mkdir(exist_ok=True)
golden = {"adamw": adamw(), "schedules": schedules(), "losses": losses(), "clipping": clipping(),
          "averages": averages(), "groups": groups(), "optimizers": optimizers(),
          "soft_losses": soft_losses()}
(OUT / "train.json").write_text(json.dumps(golden) + "\n")
