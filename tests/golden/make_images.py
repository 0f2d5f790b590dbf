"""Writes tests/golden/images: small images of every kind and what Pillow and timm make of them.

    .venv/bin/python tests/golden/make_images.py

expected.json lists the cases, expected.bin holds their bytes. Made with pillow 13.0.0, timm 1.0.31
and torchvision 0.29.2. `pillow: 12` is Pillow 12's order of resize passes, made of two resizes of
one axis each.
"""

import json
import pathlib
import struct
import zlib

import numpy as np
import timm.data
import torch
from PIL import Image

HERE = pathlib.Path(__file__).parent / 'images'
FILTERS = {
    'nearest': Image.Resampling.NEAREST,
    'box': Image.Resampling.BOX,
    'bilinear': Image.Resampling.BILINEAR,
    'hamming': Image.Resampling.HAMMING,
    'bicubic': Image.Resampling.BICUBIC,
    'lanczos': Image.Resampling.LANCZOS,
}


def scene(height, width, channels=3, seed=0):
    """Waves, hard edges and noise, uint8 [height, width, channels]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack(
        [127 + 110 * np.sin(x / (5 + 3 * c) + y / (9 - c)) for c in range(channels)], -1)
    image += rng.normal(0, 12, image.shape)
    image[(x // 7 + y // 5) % 4 == 0] = rng.integers(0, 256, channels)
    return np.clip(image, 0, 255).astype(np.uint8)


def image(height, width, seed=0):
    return Image.fromarray(scene(height, width, 3, seed))


# --- Files that Pillow does not write -----------------------------------------------------------


def pack_rows(samples, depth):
    """[height, n] samples to PNG's packed bytes, a row each."""
    if depth == 16:
        return [row.astype('>u2').tobytes() for row in samples]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in samples]
    bits = (samples[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in bits]


def write_png(path, samples, depth, colour, interlace=False, palette=None, extra=()):
    """`samples` [height, width, n] of `depth` bits, with PNG's colour type."""
    height, width, _ = samples.shape

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack(
            '>I', zlib.crc32(kind + data))

    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                  (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = b''
    for top, left, down, right in passes:
        part = samples[top::down, left::right]
        if part.size:
            for row in pack_rows(part.reshape(part.shape[0], -1), depth):
                raw += b'\0' + row
    head = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, int(interlace))
    data = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head)
    for kind, body in extra:
        data += chunk(kind, body)
    if palette is not None:
        data += chunk(b'PLTE', palette.astype(np.uint8).tobytes())
    data += chunk(b'IDAT', zlib.compress(raw, 9)) + chunk(b'IEND', b'')
    path.write_bytes(data)


def write_bmp(path, width, height, bits, body, compression=0, masks=b'', palette=b'', colours=0):
    """A 40-byte header; `height` below 0 is top-down."""
    info = struct.pack('<IiiHHIIiiII', 40, width, height, 1, bits, compression, len(body), 2835,
                       2835, colours, 0)
    offset = 14 + len(info) + len(masks) + len(palette)
    head = struct.pack('<2sIHHI', b'BM', offset + len(body), 0, 0, offset)
    path.write_bytes(head + info + masks + palette + body)


def rows_of_four(rows):
    return b''.join(row + b'\0' * (-len(row) % 4) for row in rows)


def write_odd_pngs():
    rng = np.random.default_rng(1)
    grey = scene(19, 23, 1)
    colours = rng.integers(0, 256, (256, 3))
    for depth in (1, 2, 4):
        few = grey >> (8 - depth)
        write_png(HERE / f'grey{depth}.png', few, depth, 0)
        write_png(HERE / f'palette{depth}.png', few, depth, 3, palette=colours[:1 << depth])
    write_png(HERE / 'palette_short.png', grey >> 4, 4, 3, palette=colours[:9])
    wide = rng.integers(0, 700, (19, 23, 1))
    write_png(HERE / 'grey16.png', wide, 16, 0)
    deep = scene(19, 23, 4).astype(int) * 256 + rng.integers(0, 256, (19, 23, 4))
    write_png(HERE / 'rgb16.png', deep[..., :3], 16, 2)
    write_png(HERE / 'grey_alpha16.png', deep[..., :2], 16, 4)
    write_png(HERE / 'rgba16.png', deep, 16, 6)
    for name, samples, depth, colour in (('grey1', grey >> 7, 1, 0), ('rgb', scene(19, 23), 8, 2),
                                         ('rgba16', deep, 16, 6)):
        write_png(HERE / f'interlaced_{name}.png', samples, depth, colour, interlace=True)
    write_png(HERE / 'interlaced_tiny.png', scene(3, 1), 8, 2, interlace=True)
    write_png(HERE / 'grey_transparent.png', grey, 8, 0, extra=[(b'gAMA', struct.pack('>I', 45455))])
    write_png(HERE / 'rgb_gamma_key.png', scene(19, 23), 8, 2,
              extra=[(b'gAMA', struct.pack('>I', 100000)), (b'tRNS', struct.pack('>3H', 1, 2, 3))])


def write_odd_bmps():
    rng = np.random.default_rng(2)
    height, width = 11, 13
    words = rng.integers(0, 65536, (height, width)).astype('<u2')
    body = rows_of_four(row.tobytes() for row in words)
    write_bmp(HERE / 'bits555.bmp', width, height, 16, body)
    write_bmp(HERE / 'bits565.bmp', width, height, 16, body, 3,
              struct.pack('<3I', 0xF800, 0x7E0, 0x1F))
    longs = rng.integers(0, 1 << 32, (height, width), dtype=np.uint64).astype('<u4').tobytes()
    write_bmp(HERE / 'bits32.bmp', width, height, 32, longs)
    write_bmp(HERE / 'bits32_xbgr.bmp', width, height, 32, longs, 3,
              struct.pack('<3I', 0xFF000000, 0xFF0000, 0xFF00))
    palette = rng.integers(0, 256, (16, 4)).astype(np.uint8).tobytes()
    nibbles = rng.integers(0, 256, (height, (width + 1) // 2)).astype(np.uint8)
    write_bmp(HERE / 'palette4.bmp', width, height, 4, rows_of_four(r.tobytes() for r in nibbles),
              palette=palette)
    write_bmp(HERE / 'top_down.bmp', width, -height, 24,
              rows_of_four(r.tobytes() for r in scene(height, width)))
    runs = b''
    for y in range(height):
        runs += bytes([5, y]) + bytes([0, 3, 1, 2, 3, 0]) + bytes([width - 8, 15 - y]) + b'\0\0'
    runs += b'\0\1'
    write_bmp(HERE / 'rle8.bmp', width, height, 8, runs, 1, palette=palette, colours=16)
    runs = b''.join(bytes([width, (y * 16 + 15 - y) & 255]) + b'\0\0' for y in range(height - 3))
    runs += b'\0\2\2\1' + bytes([width - 2, 0x5A]) + b'\0\0'
    runs += bytes([0, 5, 0x12, 0x34, 0x50, 0]) + bytes([width - 5, 0x77]) + b'\0\1'
    write_bmp(HERE / 'rle4.bmp', width, height, 4, runs, 2, palette=palette)


# --- Files that Pillow writes -------------------------------------------------------------------


def write_jpegs():
    base = image(37, 45)
    for name, options in {'q90': {'quality': 90}, 'q30_420': {'quality': 30, 'subsampling': '4:2:0'},
                          'q75_422': {'subsampling': '4:2:2'}, 'q95_444': {'quality': 95,
                                                                           'subsampling': '4:4:4'},
                          'progressive': {'progressive': True},
                          'restarts': {'restart_marker_blocks': 2},
                          'kept_rgb': {'keep_rgb': True}}.items():
        base.save(HERE / f'{name}.jpg', **options)
    base.convert('L').save(HERE / 'grey.jpg')
    base.convert('CMYK').save(HERE / 'cmyk.jpg', quality=92)
    exif = Image.Exif()
    exif[0x0112] = 6
    base.save(HERE / 'exif_orientation6.jpg', exif=exif)


def write_modes():
    base = image(19, 23)
    alpha = Image.fromarray(scene(19, 23, 4, 3), 'RGBA')
    base.quantize(17).save(HERE / 'palette.png')
    transparent = base.quantize(17)
    transparent.save(HERE / 'palette_transparent.png', transparency=bytes(range(0, 255, 16)))
    alpha.save(HERE / 'rgba.png')
    alpha.convert('LA').save(HERE / 'grey_alpha.png')
    base.save(HERE / 'rgb.png')
    base.convert('L').save(HERE / 'grey.png')
    base.convert('1').save(HERE / 'bilevel.png')
    base.save(HERE / 'lossy.webp', quality=70)
    base.save(HERE / 'lossless.webp', lossless=True)
    alpha.save(HERE / 'alpha.webp', quality=60)
    alpha.save(HERE / 'alpha_lossless.webp', lossless=True, exact=True)
    base.save(HERE / 'animated.webp', save_all=True, append_images=[image(19, 23, 9)],
              duration=40, lossless=True)
    for mode in ('1', 'L', 'P', 'RGB', 'RGBA'):
        source = alpha if mode == 'RGBA' else base
        source.convert(mode).save(HERE / f'mode_{mode}.bmp')
    for mode in ('1', 'L', 'LA', 'P', 'I', 'I;16', 'F', 'RGB', 'RGBA', 'CMYK', 'YCbCr'):
        source = alpha if mode in ('LA', 'RGBA') else base
        if mode == 'I;16':
            wide = np.random.default_rng(4).integers(0, 700, (19, 23)).astype(np.uint16)
            made = Image.fromarray(wide)
        elif mode in ('I', 'F'):
            values = np.random.default_rng(5).normal(128, 120, (19, 23))
            made = Image.fromarray(values.astype(np.int32 if mode == 'I' else np.float32))
        else:
            made = source.convert(mode)
        made.save(HERE / f'mode_{mode.replace(";", "")}.tif')
    base.save(HERE / 'lzw.tif', compression='tiff_lzw')
    base.save(HERE / 'deflate.tif', compression='tiff_adobe_deflate')
    base.save(HERE / 'jpeg.tif', compression='jpeg', quality=85)
    base.convert('1').save(HERE / 'group4.tif', compression='group4')
    for compression in ('packbits', 'lzma', 'zstd'):
        base.save(HERE / f'{compression}.tif', compression=compression)
    for orientation in range(2, 9):
        base.crop((0, 0, 5, 3)).save(HERE / f'orientation{orientation}.tif',
                                     tiffinfo={0x0112: orientation})


# --- What is expected ---------------------------------------------------------------------------


class Expected:
    def __init__(self):
        self.data = b''

    def add(self, array):
        offset = len(self.data)
        self.data += np.ascontiguousarray(array).tobytes()
        return offset


def decoded_cases(expected):
    cases = []
    for path in sorted(HERE.iterdir()):
        if path.suffix in ('.json', '.bin') or path.name == 'photo.png':
            continue
        rgb = Image.open(path).convert('RGB')
        grey = Image.open(path).convert('L')
        cases.append({'file': path.name, 'height': rgb.height, 'width': rgb.width,
                      'rgb': expected.add(np.asarray(rgb)), 'grey': expected.add(np.asarray(grey))})
    return cases


def resized(image, height, width, name, pillow):
    if pillow == 13 or name == 'nearest':
        return image.resize((width, height), FILTERS[name])
    return image.resize((width, image.height), FILTERS[name]).resize((width, height), FILTERS[name])


def resized_cases(expected, photo):
    """[top, left, height, width] of photo.png, resized."""
    regions = {'whole': (0, 0, photo.height, photo.width), 'tall': (3, 5, 90, 11),
               'wide': (2, 1, 9, 100), 'dot': (7, 7, 1, 1), 'row': (8, 0, 1, 50)}
    sizes = {'whole': [(31, 37), (30, 110), (100, 40), (95, 121), (31, 78)], 'tall': [(20, 9), (20, 24), (41, 11)],
             'wide': [(7, 23), (24, 50), (9, 31)], 'dot': [(5, 3)], 'row': [(3, 17)]}
    cases = []
    for region, (top, left, height, width) in regions.items():
        part = photo.crop((left, top, left + width, top + height))
        for i, (h, w) in enumerate(sizes[region]):
            for name in FILTERS:
                if region == 'whole' and i >= 2 and name not in ('bicubic', 'nearest', 'bilinear'):
                    continue
                for channels in (1, 3):
                    image = part.convert('L') if channels == 1 else part
                    both = [resized(image, h, w, name, pillow) for pillow in (12, 13)]
                    same = both[0].tobytes() == both[1].tobytes()
                    for pillow, result in zip((12, 13), both):
                        if pillow == 12 and same:
                            continue
                        cases.append({
                            'region': [top, left, height, width], 'size': [h, w], 'filter': name,
                            'pillow': [12, 13] if same else [pillow], 'channels': channels,
                            'bytes': expected.add(np.asarray(result))})
    return cases


def transformed_cases(expected, photo):
    imagenet = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    clip = dict(mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))
    half = dict(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    plain = dict(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    configs = [
        dict(size=(24, 24), interpolation='bicubic', crop_pct=0.9, crop_mode='center', **half),
        dict(size=(24, 24), interpolation='bilinear', crop_pct=0.875, crop_mode='center', **imagenet),
        dict(size=(25, 25), interpolation='bicubic', crop_pct=1.0, crop_mode='squash', **clip),
        dict(size=(25, 25), interpolation='lanczos', crop_pct=0.95, crop_mode='squash', **half),
        dict(size=(24, 24), interpolation='bicubic', crop_pct=1.0, crop_mode='border', **clip),
        dict(size=(23, 24), interpolation='bilinear', crop_pct=0.8, crop_mode='border', **imagenet),
        dict(size=(20, 31), interpolation='bicubic', crop_pct=0.9, crop_mode='center', **plain),
        dict(size=(31, 20), interpolation='box', crop_pct=1.0, crop_mode='center', **plain),
        dict(size=(24, 24), interpolation='nearest', crop_pct=0.9, crop_mode='center', **half),
        dict(size=(24, 24), interpolation='hamming', crop_pct=0.6, crop_mode='border', **half),
        dict(size=(24, 20), interpolation='bicubic', crop_pct=1.2, crop_mode='squash', **half),
        dict(size=(28, 28), interpolation='bicubic', crop_pct=0.9, crop_mode='center', mean=(0.286,),
             std=(0.353,)),
        dict(size=(28, 28), interpolation='bicubic', crop_pct=0.9, crop_mode='border', mean=(0.286,),
             std=(0.353,)),
    ]
    regions = [(0, 0, photo.height, photo.width), (3, 5, 90, 21), (2, 1, 19, 100), (0, 0, 12, 10),
               (5, 5, 1, 3), (1, 2, 28, 28)]
    cases = []
    for config in configs:
        channels = len(config['mean'])
        transform = timm.data.create_transform(
            input_size=(channels, *config['size']),
            **{key: value for key, value in config.items() if key != 'size'})
        for top, left, height, width in regions:
            part = photo.crop((left, top, left + width, top + height))
            tensor = transform(part.convert('L') if channels == 1 else part)
            assert tensor.dtype == torch.float32
            cases.append({**config, 'region': [top, left, height, width], 'channels': channels,
                          'floats': expected.add(tensor.numpy())})
    return cases


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    write_odd_pngs()
    write_odd_bmps()
    write_jpegs()
    write_modes()
    photo = image(96, 128, 7)
    photo.save(HERE / 'photo.png')
    expected = Expected()
    cases = {'decoded': decoded_cases(expected), 'resized': resized_cases(expected, photo),
             'transformed': transformed_cases(expected, photo)}
    (HERE / 'expected.json').write_text(
        '{\n' + ',\n'.join(f' "{name}": [\n' + ',\n'.join('  ' + json.dumps(case) for case in list_)
                           + '\n ]' for name, list_ in cases.items()) + '\n}\n')
    (HERE / 'expected.bin').write_bytes(expected.data)
    print({name: len(list_) for name, list_ in cases.items()}, len(expected.data), 'bytes')


if __name__ == '__main__':
    main()
