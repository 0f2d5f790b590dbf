"""Writes tests/golden/shards: tar shards as Python's tarfile makes them and what webdataset reads.

    pip install --target FOLDER webdataset==1.0.2 braceexpand==0.1.7
    PYTHONPATH=FOLDER .venv/bin/python tests/golden/make_shards.py
"""

import io
import json
import pathlib
import tarfile

import numpy as np
import webdataset
from PIL import Image
from webdataset.shardlists import expand_urls

HERE = pathlib.Path(__file__).parent / 'shards'
PATTERNS = ['a-{0000..0012}.tar', '{a,b}{1..3}', '{1..10..3}', '{10..1..4}', '{a..e..2}', 'x{1}y', 'x{,a}y',
            '{00..2}', '{0..02}', '{-1..2}', '{-01..2}', 'a::b{1..2}', '{a,b{1..2}}.tar', '{3..1}', '{}', '{a..3}',
            '{1..2..0}', '{01..3..1}', '{1..03..-1}', 'plain.tar', '{x,{y,z{8..9}}}-{a,b}']
UNBALANCED = ['x{a', 'a}b', '{a{b}', 'a::b}']


def image(seed, kind):
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def add(tar, name, data, **fields):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(data))


def write(name, form):
    """Samples with every kind of name; beside them what a reader must pass over."""
    long = 'd' * 90 + '/' + 'e' * 60 + '/0004'
    with tarfile.open(HERE / f'{name}.tar', 'w', format=form) as tar:
        add(tar, 'train', b'', type=tarfile.DIRTYPE)
        add(tar, '__info__', b'made by hand')
        add(tar, 'train/0001.jpg', image(1, 'JPEG'))
        add(tar, 'train/0001.cls', b'3\n')
        add(tar, 'train/0002.CLS', b' 0 ')
        add(tar, 'train/0002.PNG', image(2, 'PNG'))
        add(tar, 'train/0002.seg.png', b'not an image')
        add(tar, 'link', b'', type=tarfile.SYMTYPE, linkname='train/0001.jpg')
        add(tar, 'hard', b'', type=tarfile.LNKTYPE, linkname='train/0001.jpg')
        add(tar, 'README', b'no suffix')
        add(tar, '0003.webp', image(3, 'WEBP'))
        add(tar, '0003.json', json.dumps({'label': 2, 'text': 'ein Schuh, größer'}).encode())
        add(tar, f'{long}.png', image(4, 'PNG'))
        add(tar, f'{long}.cls', b'1')
        if form != tarfile.USTAR_FORMAT:
            name = 'x' * 300 + 'ß'
            add(tar, f'{name}.png', image(5, 'PNG'))
            add(tar, f'{name}.cls', b'1')
        add(tar, 'empty.txt.gz', b'')


def read(name):
    """webdataset's samples, those with an image."""
    rows = []
    for sample in webdataset.WebDataset(str(HERE / f'{name}.tar'), shardshuffle=False):
        if files := {k: len(v) for k, v in sample.items() if not k.startswith('__')}:
            rows.append({'key': sample['__key__'], 'files': files})
    return rows


def main():
    HERE.mkdir(exist_ok=True)
    forms = {'ustar': tarfile.USTAR_FORMAT, 'gnu': tarfile.GNU_FORMAT, 'pax': tarfile.PAX_FORMAT}
    for name, form in forms.items():
        write(name, form)
    for pattern in UNBALANCED:
        try:
            expand_urls(pattern)
        except ValueError:
            continue
        raise SystemExit(f'webdataset takes {pattern!r}')
    expected = {'samples': {name: read(name) for name in forms},
                'patterns': {pattern: expand_urls(pattern) for pattern in PATTERNS}, 'unbalanced': UNBALANCED}
    (HERE / 'expected.json').write_text(json.dumps(expected, indent=1) + '\n')


main()
