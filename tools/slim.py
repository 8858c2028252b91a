"""Make pictures smaller, so that the whole checkout stays below 40 MiB.

    python tools/slim.py                   # nbs/ and reports/
    python tools/slim.py reports/fig1.ipynb reports/fig1.png

A picture that a report wrote beside its executed notebook is shown from its file and not embedded. One that is embedded
keeps as few colours as it can or becomes a JPEG without chroma subsampling, whichever takes less. Where it was
enlarged twice, it is stored as it was and shown at its size. Very wide ones are scaled down. The PNG files of
`reports/` keep few colours as well.
A second run changes nothing.
"""
import base64, io, json, re, sys
from pathlib import Path
import numpy as np
from PIL import Image

root = Path(__file__).parent.parent
SMALL = 5_000  # bytes; pictures below stay as they are
WIDE = 640  # pixels; wider pictures in notebooks are made as wide
COLOURS = (64, 128, 256)
ERROR = 10.  # of 255: the largest that fewer colours may make
PICTURE = re.compile(r'Picture\(([\w.-]+)\.png\)')  # the text of `selfrefine.experiments.report.Picture`

def opaque(data):
    "The picture on white."
    image = Image.open(io.BytesIO(data)).convert('RGBA')
    return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image).convert('RGB')

def packed(image, **how):
    out = io.BytesIO()
    image.save(out, optimize=True, **how)
    return out.getvalue()

def error(a, b):
    "The fourth root of the mean fourth power of the differences, in which few large ones count for more."
    return np.power(np.asarray(a, np.float32) - np.asarray(b, np.float32), 4).mean()**.25

def few_colours(picture):
    "The picture as a PNG with the fewest colours that are enough."
    for n in COLOURS:
        reduced = picture.quantize(n, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        if error(reduced.convert('RGB'), picture) <= ERROR: break
    return packed(reduced, format='PNG')

def finished(data):
    "Whether a picture has been here before: a new one has no palette."
    image = Image.open(io.BytesIO(data))
    return image.format == 'JPEG' or image.mode == 'P'

def halved(picture):
    "A picture that was enlarged twice as it was before; any other as it is."
    if picture.width % 2 or picture.height % 2: return picture
    small = picture.reduce(2)
    return small if not error(small.resize(picture.size, Image.Resampling.NEAREST), picture) else picture

def narrow(picture):
    "A picture that is at most `WIDE` pixels wide."
    if picture.width <= WIDE: return picture
    return picture.resize((WIDE, round(picture.height*WIDE/picture.width)), Image.Resampling.LANCZOS)

def smaller(data):
    "Type, bytes and picture of a smaller version."
    picture = narrow(halved(opaque(data)))
    tried = {'image/png': few_colours(picture), 'image/jpeg': packed(picture, format='JPEG', quality=75, subsampling=0)}
    kind = min(tried, key=lambda k: len(tried[k]))
    return kind, tried[kind], picture

def slim_output(output, folder):
    "One output that shows a picture."
    data = output['data']
    named = PICTURE.fullmatch(''.join(data.get('text/plain', '')))
    if named and (folder/f'{named[1]}.png').exists():
        for kind in ('image/png', 'image/jpeg'): data.pop(kind, None)
        data['text/markdown'] = [f'![{named[1]}]({named[1]}.png)']
        return
    if named: data.pop('text/markdown', None)
    given = data.get('image/png')
    if not given: return
    data.pop('image/jpeg', None)
    before = base64.b64decode(''.join(given))
    if len(before) < SMALL or finished(before): return
    kind, after, picture = smaller(before)
    if len(after) >= len(before): return
    width = Image.open(io.BytesIO(before)).width
    if picture.width < min(width, WIDE): output['metadata'] = {kind: dict(width=width)}
    del data['image/png']
    data[kind] = base64.b64encode(after).decode()

def slim_notebook(path):
    nb = json.loads(path.read_text())
    for c in nb['cells']:
        if 'outputs' not in c: continue
        c['outputs'] = [o for o in c['outputs'] if o.get('name') != 'stderr']  # progress, and warnings with paths
        for output in c['outputs']:
            if 'data' in output: slim_output(output, path.parent)
    text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n'
    if text != path.read_text(): path.write_text(text)

def slim_png(path):
    data = path.read_bytes()
    if len(data) < SMALL or finished(data): return
    after = few_colours(opaque(data))
    if len(after) < len(data): path.write_bytes(after)

def files():
    "The notebooks, and the pictures of reports; the images of a study are what people were shown."
    found = [p for folder in ('nbs', 'reports') for p in sorted((root/folder).rglob('*.*'))]
    return [p for p in found if not {'.ipynb_checkpoints', 'study', 'runs'} & set(p.parts)]

if __name__ == '__main__':
    paths = [Path(p) for p in sys.argv[1:]] or files()
    before = sum(p.stat().st_size for p in paths)
    for p in paths: {'.ipynb': slim_notebook, '.png': slim_png}.get(p.suffix, lambda p: None)(p)
    print(f'{before/2**20:.1f} MiB, now {sum(p.stat().st_size for p in paths)/2**20:.1f} MiB')
