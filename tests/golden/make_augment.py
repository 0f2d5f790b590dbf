"""Writes tests/golden/augment: what Pillow, timm and torchvision make of small images and batches.

    .venv/bin/python tests/golden/make_augment.py

expected.json lists the cases, with the SHA-256 of the pixels; expected.bin holds the floats of mixed
batches and the pixels of what is compared within a rounding. Made with pillow 13.0.0, timm 1.0.31 and
torchvision 0.29.2.
"""

import hashlib
import json
import pathlib
import random
import unittest.mock

import numpy as np
import timm.data.auto_augment as aa
import timm.data.mixup as mixup
import torch
import torchvision.transforms.functional as F
from PIL import Image, ImageOps
from timm.data.distributed_sampler import RepeatAugSampler

HERE = pathlib.Path(__file__).parent / 'augment'
FILTERS = {
    'nearest': Image.Resampling.NEAREST,
    'bilinear': Image.Resampling.BILINEAR,
    'bicubic': Image.Resampling.BICUBIC,
}
FILL = (124, 116, 104)


class Bytes:
    """What expected.bin holds; `put` says where."""

    def __init__(self):
        self.data = b''

    def put(self, array):
        offset = len(self.data)
        self.data += np.ascontiguousarray(array).tobytes()
        return offset


def write_images():
    """Waves, edges and noise; few and dull colours; one pixel high; all alike."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:47, 0:61]
    scene = np.stack([127 + 115 * np.sin(x / (5 + 3 * c) + y / (9 - c)) for c in range(3)], -1)
    scene += rng.normal(0, 12, scene.shape)
    scene[(x // 7 + y // 5) % 4 == 0] = rng.integers(0, 256, 3)
    dull = rng.integers(90, 140, (24, 24, 3)) // 7 * 7
    images = {'scene': scene, 'dull': dull, 'line': rng.integers(0, 256, (1, 9, 3)),
              'flat': np.full((5, 7, 3), (10, 200, 77))}
    for name, pixels in images.items():
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(HERE / f'{name}.png')


def load(name, channels):
    return Image.open(HERE / f'{name}.png').convert('RGB' if channels == 3 else 'L')


def digest(image):
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()


# The operation by our name: its arguments, and how timm or torchvision calls Pillow for it.
POINTS = {
    'auto_contrast': ([0], lambda image, _: aa.auto_contrast(image)),
    'equalize': ([0], lambda image, _: aa.equalize(image)),
    'invert': ([0], lambda image, _: aa.invert(image)),
    'posterize': ([1, 2, 3, 4, 7, 8], lambda image, v: aa.posterize(image, int(v))),
    'solarize': ([0, 26, 128, 255, 256], aa.solarize),
    'solarize_add': ([0, 33, 110, 128], lambda image, v: aa.solarize_add(image, int(v))),
    'brightness': ([0, 0.1, 0.55, 1, 1.3, 1.9], aa.brightness),
    'contrast': ([0, 0.1, 0.55, 1, 1.3, 1.9], aa.contrast),
    'color': ([0, 0.1, 0.55, 1, 1.3, 1.9], aa.color),
    'sharpness': ([0, 0.1, 0.55, 1, 1.3, 1.9], aa.sharpness),
    'hue': ([-0.5, -0.13, 0, 0.002, 0.1, 0.31, 0.5], F.adjust_hue),
    'grayscale': ([0], lambda image, _: F.to_grayscale(image, 3) if image.mode == 'RGB' else image),
    'gaussian_blur': ([0, 0.1, 0.5, 1, 1.37, 2, 3.5, 9], aa.gaussian_blur),
}
PLANES = {
    'rotate': ([-30, -0.1, 0, 3, 17.3, 30, 90, 180, 270, 211], aa.rotate),
    'shear_x': ([-0.3, 0.017, 0.3], aa.shear_x),
    'shear_y': ([-0.3, 0.017, 0.3], aa.shear_y),
    'translate_x': ([-27.45, 0, 0.5, 11, 100], aa.translate_x_abs),
    'translate_y': ([-21.15, 0, 0.5, 11, 100], aa.translate_y_abs),
}


def operations():
    cases = []
    for name in ('scene', 'dull', 'line', 'flat'):
        for channels in (3, 1):
            image = load(name, channels)
            for op, (arguments, function) in POINTS.items():
                for argument in arguments:
                    result = function(image, argument)
                    cases.append({'image': name, 'channels': channels, 'op': op, 'argument': argument,
                                  'filter': 'bicubic', 'sha256': digest(result)})
            for op, (arguments, function) in PLANES.items():
                for argument in arguments:
                    for filter_name, resample in FILTERS.items():
                        fill = FILL if channels == 3 else FILL[:1]
                        result = function(image, argument, fillcolor=fill, resample=resample)
                        cases.append({'image': name, 'channels': channels, 'op': op, 'argument': argument,
                                      'filter': filter_name, 'sha256': digest(result)})
    return cases


def levels():
    """Arguments of every operation at every level, the coin on either side."""
    rows = []
    hparams = {'translate_const': 100, 'translate_pct': 0.45}
    for name, function in aa.LEVEL_TO_ARG.items():
        for level in (0, 0.3, 2.5, 5, 9, 9.7, 10, 14):
            for negate in (False, True):
                with unittest.mock.patch.object(random, 'random', lambda: 0.9 if negate else 0.1):
                    value = function(level, hparams)[0] if function else 0
                rows.append([name, level, negate, value])
    return rows


def policy(config):
    hparams = {'translate_const': int(224 * 0.45), 'img_mean': FILL}
    if config.startswith('rand'):
        made = aa.rand_augment_transform(config, hparams)
        choices = [[op] for op in made.ops]
        extra = {'num_layers': made.num_layers,
                 'weights': [] if made.choice_weights is None else list(made.choice_weights)}
    elif config.startswith('augmix'):
        made = aa.augment_and_mix_transform(config, hparams | {'translate_pct': 0.3})
        choices = [[op] for op in made.ops]
        extra = {'width': made.width, 'depth': made.depth, 'alpha': made.alpha, 'blended': made.blended}
    else:
        choices = aa.auto_augment_transform(config, hparams).policy
        extra = {}
    first = choices[0][0]
    std = first.magnitude_std
    return {'config': config, 'magnitude_std': 'inf' if std == float('inf') else std,
            'magnitude_max': first.magnitude_max or 10, 'translate_const': first.hparams['translate_const'],
            'choices': [[[op.name, op.prob, op.magnitude] for op in choice] for choice in choices], **extra}


POLICIES = [
    'rand-m9-mstd0.5-inc1', 'rand-m9-n3-mstd0.5', 'rand-mstd1-tweights', 'rand-m6-n5-inc1', 'rand', 'rand-n0',
    'rand-m15-n2-mmax20-p0.7-inc1-mstd101', 'rand-t3a-m7', 'rand-t3aw-n4-inc0', 'rand-inc1-tnone', 'rand-inc-m8',
    'original', 'originalr-mstd0.5', 'v0', 'v0r-mstd2', '3a', 'original-mstd0.5', 'augmix-m5-w4-d2', 'augmix',
    'augmix-m3-w3-d1-a0.5-b1-mstd0.2',
]
REFUSED = ['rand-x9', 'rand-m9.5', 'rand-w0', 'v1', 'original-m9', 'augmix-n3', 'random', '', 'rand-mstd1.2.3']


def refused():
    for config in REFUSED:
        try:
            policy(config)
        except (AssertionError, ValueError):
            continue
        raise SystemExit(f'timm takes {config!r}')
    return REFUSED


def jitters():
    rows = []
    for order, factors in (((0, 1, 2, 3), (0.8, 1.2, 0.7, 0.05)), ((3, 2, 1, 0), (1.3, 0.6, 1.4, -0.21)),
                           ((2, 0, 3, 1), (1.1, None, 0.3, None)), ((1, 3, 0, 2), (None, 1.39, None, 0.5))):
        image = load('scene', 3)
        functions = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for which in order:
            if factors[which] is not None:
                image = functions[which](image, factors[which])
        rows.append({'order': order, 'factors': factors, 'sha256': digest(image)})
    return rows


def kernel_blurs(out):
    rows = []
    for channels in (3, 1):
        for sigma in (0.1, 0.77, 2.0):
            image = F.gaussian_blur(load('scene', channels), [23, 23], [sigma, sigma])
            rows.append({'channels': channels, 'sigma': sigma, 'offset': out.put(np.asarray(image))})
    return rows


def augmixes():
    """Chains of one fixed operation each, shares and depth fixed."""
    image = load('scene', 3)
    shares, share = np.float32([0.2, 0.5, 0.3]), np.float32(0.37)
    functions = [aa.invert, lambda im: aa.solarize(im, 100), aa.equalize]
    rows = []
    for blended in (False, True):
        chains = iter([[f] for f in functions])
        with unittest.mock.patch.object(np.random, 'dirichlet', lambda _: shares), \
                unittest.mock.patch.object(np.random, 'beta', lambda *_: share), \
                unittest.mock.patch.object(np.random, 'choice', lambda *_, **__: next(chains)):
            mixed = aa.AugMixAugment(functions, depth=1, blended=blended)(image)
        rows.append({'blended': blended, 'shares': shares.tolist(), 'share': float(share), 'sha256': digest(mixed)})
    return rows


def mixes(out):
    """timm's Mixup on a batch with its draws fixed; boxes are (top, bottom, left, right)."""
    shape, classes, smoothing = (4, 2, 5, 6), 3, 0.1
    images = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    labels = [2, 0, 1, 1]
    boxes = [(1, 4, 0, 3), (0, 2, 2, 6), (0, 5, 0, 6), (3, 3, 1, 2)]
    shared = {'shape': shape, 'classes': classes, 'smoothing': smoothing, 'labels': labels,
              'images': out.put(images), 'rows': []}
    cases = [('batch', [0.3], [False]), ('batch', [0.3], [True]), ('batch', [1.0], [False]),
             ('pair', [0.3, 0.8], [False, True]), ('pair', [1.0, 0.2], [True, False]),
             ('elem', [0.3, 1.0, 0.6, 0.123], [False, False, True, True]),
             ('elem', [0.9, 0.2, 0.6, 0.5], [True, True, False, False])]
    for mode, lams, cut in cases:
        used = []

        def box(*_, **__):
            used.append(boxes[len(used)])
            return used[-1]

        lam32 = np.float32(lams)
        drawn = lam32.copy()  # timm writes the corrected shares into it
        mixer = mixup.Mixup(mixup_alpha=1.0, cutmix_alpha=1.0, mode=mode, label_smoothing=smoothing,
                            num_classes=classes)
        mixer._params_per_batch = lambda: (lams[0], cut[0])
        mixer._params_per_elem = lambda _: (drawn, np.array(cut))
        with unittest.mock.patch.object(mixup, 'rand_bbox', box):
            mixed, targets = mixer(torch.from_numpy(images.copy()), torch.tensor(labels))
        at = iter(used)
        draws = []
        for i, (lam, c) in enumerate(zip(lams, cut)):
            c = c and lam != 1
            place = next(at) if c else (0, 0, 0, 0)
            share = lam if mode == 'batch' else float(drawn[i])
            if c and mode == 'batch':
                share = 1 - (place[1] - place[0]) * (place[3] - place[2]) / (shape[2] * shape[3])
            draws.append({'lam': share, 'cutmix': c, 'box': place})
        shared['rows'].append({'mode': mode, 'draws': draws, 'images': out.put(mixed.numpy()),
                               'targets': out.put(targets.numpy())})
    return shared


def repeats():
    rows = []
    for n, repeat, world, rank, rounding, ratio in (
            (10, 3, 1, 0, 256, 0), (10, 3, 2, 1, 256, 0), (10, 2, 3, 2, 256, 0), (7, 1.5, 2, 0, 256, 0),
            (300, 3, 4, 3, 256, 0), (40, 3, 2, 1, 8, 4), (10, 1.1, 1, 0, 0, 0), (11, 3, 2, 1, 0, 1)):
        sampler = RepeatAugSampler(range(n), world, rank, False, repeat, rounding, ratio)
        rows.append({'n': n, 'repeats': repeat, 'world': world, 'rank': rank, 'selected_round': rounding,
                     'selected_ratio': ratio, 'indices': list(sampler)})
    return rows


def main():
    HERE.mkdir(exist_ok=True)
    write_images()
    out = Bytes()
    lists = {'operations': operations(), 'levels': levels(), 'policies': [policy(c) for c in POLICIES],
             'jitters': jitters(), 'kernel_blurs': kernel_blurs(out), 'augmixes': augmixes(),
             'repeats': repeats()}
    values = {'fill': FILL, 'refused': refused(), 'mixes': mixes(out)}
    lines = [f'"{name}": [\n' + ',\n'.join(json.dumps(row) for row in rows) + ']' for name, rows in lists.items()]
    lines += [f'"{name}": {json.dumps(value)}' for name, value in values.items()]
    (HERE / 'expected.json').write_text('{' + ',\n'.join(lines) + '}\n')
    (HERE / 'expected.bin').write_bytes(out.data)


main()
