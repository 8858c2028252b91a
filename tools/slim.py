"""Make the pictures in notebooks and reports smaller, so that the whole checkout stays below 48 MiB.

    python tools/slim.py                   # nbs/ and reports/
    python tools/slim.py reports/fig1.ipynb reports/fig1.png

In notebooks a large PNG becomes a JPEG without chroma subsampling or keeps 256 colours, whichever takes less, where that is less than two thirds, and where both kinds are there one is kept; the PNG files of `reports/` lose
their empty alpha channel, and those above `SHEET` bytes (sheets of small pictures) keep 256 colours. A second run changes nothing.
"""
import base64, io, json, sys
from pathlib import Path
from PIL import Image

root = Path(__file__).parent.parent
LARGE = 8_000    # bytes; smaller pictures in notebooks stay as they are
SHEET = 150_000  # bytes; larger files keep 256 colours

def opaque(data):
    "The picture on white."
    image = Image.open(io.BytesIO(data)).convert('RGBA')
    return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image).convert('RGB')

def packed(image, **how):
    out = io.BytesIO()
    image.save(out, optimize=True, **how)
    return out.getvalue()

def slim_notebook(path):
    nb = json.loads(path.read_text())
    for output in (o for c in nb['cells'] for o in c.get('outputs', []) if 'image/png' in o.get('data', {})):
        png = output['data']['image/png']
        data = base64.b64decode(''.join(png))
        smaller = {}
        if len(data) > LARGE:
            picture = opaque(data)
            tried = {'image/jpeg': packed(picture, format='JPEG', quality=75, subsampling=0), 'image/png': packed(picture.quantize(256, dither=Image.Dither.NONE), format='PNG')}
            kind = min(tried, key=lambda k: len(tried[k]))
            if len(tried[kind]) < len(data)*2/3: smaller = {kind: base64.b64encode(tried[kind]).decode()}
        output['data'] = {k: v for k, v in output['data'].items() if k not in ('image/png', 'image/jpeg')} | (smaller or {'image/png': png})
    text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n'
    if text != path.read_text(): path.write_text(text)

def slim_png(path):
    picture = opaque(data := path.read_bytes())
    smaller = packed(picture.quantize(256, dither=Image.Dither.NONE) if len(data) > SHEET else picture, format='PNG')
    if len(smaller) < path.stat().st_size: path.write_bytes(smaller)

if __name__ == '__main__':
    paths = [Path(p) for p in sys.argv[1:]] or [p for folder in ('nbs', 'reports') for p in sorted((root/folder).rglob('*.*')) if '.ipynb_checkpoints' not in p.parts]
    before = sum(p.stat().st_size for p in paths)
    for p in paths: {'.ipynb': slim_notebook, '.png': slim_png}.get(p.suffix, lambda p: None)(p)
    print(f'{before/2**20:.1f} MiB, now {sum(p.stat().st_size for p in paths)/2**20:.1f} MiB')
