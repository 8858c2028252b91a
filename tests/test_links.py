"Every relative link of a page, a notebook or its outputs leads to a file."
import json, re, shlex
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
LINK = re.compile(r'\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"')
CODE = re.compile(r'(?s)```.*?```|`[^`\n]*`')

def notebooks(folder): return [p for p in folder.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts]

def texts(path):
    "The markdown of a page, or of a notebook's cells and outputs."
    if path.suffix == '.md': return [path.read_text()]
    found = []
    for c in json.loads(path.read_text())['cells']:
        if c['cell_type'] == 'markdown': found.append(''.join(c['source']))
        outputs = [o.get('data', {}) for o in c.get('outputs', [])]
        shown = [data for data in outputs if 'text/markdown' in data and 'image/' not in ' '.join(data)]
        found += [''.join(data['text/markdown']) for data in shown]
    return found

def links(path):
    "The files that a page names, from its own folder."
    for text in texts(path):
        for m in LINK.finditer(CODE.sub('', text)):
            target = (m[1] or m[2]).partition('#')[0]
            if target and not re.match(r'\w+:|/', target): yield target

pages = sorted([*root.glob('*.md'), *notebooks(root/'nbs'), *notebooks(root/'reports')])

@pytest.mark.parametrize('path', pages, ids=lambda p: str(p.relative_to(root)))
def test_links(path):
    missing = [target for target in links(path) if not (path.parent/target).exists()]
    assert not missing, f'{missing} lead nowhere'

def test_links_are_found():
    "The pattern sees links and pictures, and no code."
    assert {'nbs/reference.ipynb', 'CONTRIBUTING.md', 'reports/full/table1.png'} <= set(links(root/'README.md'))
    assert not [t for t in links(root/'README.md') if ' ' in t]

def commands(path):
    "The calls of the command line in a page's shell blocks."
    for text in texts(path):
        for block in re.findall(r'^```sh\n(.*?)^```', text, re.M | re.S):
            yield from re.findall(r'^selfrefine (.+?)(?:\s+[#>].*)?$', block, re.M)

written = {p: found for p in pages if (found := sorted(set(commands(p))))}

@pytest.mark.parametrize('path', written, ids=lambda p: str(p.relative_to(root)))
def test_commands_can_be_parsed(path):
    "Every command line on a page has arguments and options that exist."
    typer_main = pytest.importorskip('typer.main', reason='typer is not installed')
    from selfrefine.commands.cli import app
    known = typer_main.get_command(app).commands
    for line in written[path]:
        name, *rest = shlex.split(line)
        assert name in known, line
        if '--help' not in rest: known[name].make_context(name, rest)

def test_commands_are_found():
    found = {line.split()[0] for lines in written.values() for line in lines}
    assert found >= {'refine', 'sample', 'highlight', 'repair', 'evaluate', 'sweep'}

def parameters(path):
    "The names in the cell that papermill reads."
    tagged = [c for c in json.loads(path.read_text())['cells'] if 'parameters' in c['metadata'].get('tags', ())]
    return set(re.findall(r'^(\w+)\s*[:=]', ''.join(tagged[0]['source']), re.M))

@pytest.mark.parametrize('path', pages, ids=lambda p: str(p.relative_to(root)))
def test_papermill_commands_have_parameters(path):
    "A page's `papermill nbs/NAME.ipynb OUT -p PARAMETER VALUE` names a notebook and its parameters."
    for text in texts(path):
        for line in re.findall(r'^papermill (nbs/.+)$', text, re.M):
            name, *rest = shlex.split(line, comments=True)
            named = {rest[i + 1] for i, word in enumerate(rest) if word == '-p'}
            assert named <= parameters(root/name), line
