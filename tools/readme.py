"""README.md from nbs/index.ipynb, where Quarto is not at hand.

    python tools/readme.py            write README.md
    python tools/readme.py --check    exit 1 if README.md says anything else
"""
import argparse, json, re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent

def outside(text):
    "Links written from nbs/, as they must be from the folder above it."
    return re.sub(r'(\]\(|src=")(?!\w+:|#|/)(\.\./)?', lambda m: m[1] + ('' if m[2] else 'nbs/'), text)

def shown(output):
    "A cell's output as markdown: markdown as it is, text in a fence, pictures not at all (link to a file instead)."
    data = output.get('data', {})
    if 'text/markdown' in data: return outside(''.join(data['text/markdown']))
    text = ''.join(output.get('text', '' if any(k.startswith('image/') for k in data) else data.get('text/plain', '')))
    return f'```\n{text.strip()}\n```' if text.strip() and output.get('name') != 'stderr' else ''

def cell(c):
    source = ''.join(c['source']).strip()
    if c['cell_type'] == 'markdown': return outside(source)
    if c['cell_type'] != 'code' or re.search(r'^#\|\s*hide', source, re.M): return ''
    code = '' if re.search(r'^#\|\s*echo: false', source, re.M) else re.sub(r'(?m)^#\|.*\n?', '', source).strip()
    return '\n\n'.join(filter(None, [code and f'```python\n{code}\n```', *map(shown, c['outputs'])]))

def readme(nb): return '\n\n'.join(filter(None, map(cell, nb['cells']))) + '\n'

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 if README.md is out of date')
    text, path = readme(json.loads((root/'nbs/index.ipynb').read_text())), root/'README.md'
    if not parser.parse_args().check: path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        sys.exit('README.md is out of date; run: python tools/readme.py')
