"""What the golden files of models hold, taken from a model of either Python."""

import torch
from timm.layers import DropPath


def draw_parameters(model, generator, starts_at_one):
    """Every parameter at random, so that exchanging any two of one shape changes the numbers.

    `starts_at_one(name, parameter)`: it multiplies, and is drawn around 1.
    """
    for name, parameter in model.named_parameters():
        centre = float(starts_at_one(name, parameter))
        parameter.data = (centre + 0.3 * torch.randn(parameter.shape, generator=generator)).double()


def record_outputs(model, image, watched):
    """{"output": the model's in eval mode, name: what the module `watched[name]` gave}."""
    tensors = {}
    handles = [module.register_forward_hook(lambda m, i, o, name=name: tensors.__setitem__(name, o.detach()))
               for name, module in watched.items()]
    model.eval()
    with torch.no_grad():
        tensors["output"] = model(image)
    for handle in handles:
        handle.remove()
    return tensors


def record_gradients(model, image, generator):
    """Training mode with every dropout probability at 0: outputs, cotangents, parameters and their gradients."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, DropPath):
            module.drop_prob = 0.0
    results = model(image)
    tensors, loss = {}, 0.0
    for kind, result in zip(("", "dist_"), results if isinstance(results, tuple) else (results,)):
        cotangent = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        tensors |= {f"train.{kind}output": result.detach(), f"{kind}cotangent": cotangent}
        loss = loss + (result * cotangent).sum()
    loss.backward()
    for name, parameter in model.named_parameters():
        name = name.replace("blocks.", "block.")
        tensors[f"param.{name}"] = parameter.detach().float()
        tensors[f"grad.{name}"] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    return tensors


def storable(tensors):
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
