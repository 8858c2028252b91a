"What holds for the project as a whole: settings, notebooks, imports, files."
import ast, json, os, re, shutil, subprocess, sys, tomllib
from configparser import ConfigParser
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
notebooks = sorted((root/'nbs').glob('*.ipynb'))
executed = sorted((root/'reports').rglob('*.ipynb'))
reports = [p for p in notebooks if re.match(r'(table|fig)\d|scale', p.stem)]
name = lambda p: p.stem

# Lowest first; a module imports from floors below its own, so imports cannot run in a circle.
floors = ['data', 'mfam forward uvit metrics planted', 'highlighter attention models agreement', 'phases sampling local', 'training inpainting',
          'latent repair study', 'experiments', 'figures footprint localisation regions restored', 'cli']
floor = {module: height for height, modules in enumerate(floors) for module in modules.split()}

def cells(path): return json.loads(path.read_text())['cells']
def source(cell): return ''.join(cell['source'])
def run(*command, cwd=root): return subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)

def test_settings_agree():
    "nbdev 2 reads settings.ini and nbdev 3 pyproject.toml: one project, whichever is used."
    ini = ConfigParser()
    ini.read(root/'settings.ini')
    ini, toml = ini['DEFAULT'], tomllib.loads((root/'pyproject.toml').read_text())
    project, nbdev = toml['project'], toml['tool']['nbdev']
    text = lambda v: ' '.join(v) if isinstance(v, list) else str(v)
    assert {k: text(v).lower() for k, v in nbdev.items()} == {k: ini[k].lower() for k in nbdev}
    assert (ini['lib_name'], ini['description'], ini['git_url']) == (project['name'], project['description'], project['urls']['Repository'])
    assert project['authors'] == [{'name': ini['author'], 'email': ini['author_email']}]
    assert project['requires-python'] == f'>={ini["min_python"]}'
    assert (ini['license'], project['license']) == ('apache2', 'Apache-2.0')
    assert f'__version__ = "{ini["version"]}"' in (root/'selfrefine/__init__.py').read_text()

@pytest.mark.parametrize('path', notebooks + executed, ids=lambda p: str(p.relative_to(root)))
def test_notebook(path):
    "Anyone's kernel runs it, and no stored output is an error."
    assert json.loads(path.read_text())['metadata']['kernelspec']['name'] == 'python3'
    failed = [o['evalue'] for c in cells(path) for o in c.get('outputs', []) if o['output_type'] == 'error']
    assert not failed, f'run it again and keep the outputs: {failed[0]}'

@pytest.mark.parametrize('path', reports, ids=name)
def test_report_has_parameters(path):
    "nbdev_clean must not have taken the tag that papermill looks for."
    tagged = [c for c in cells(path) if 'parameters' in c['metadata'].get('tags', [])]
    assert len(tagged) == 1 and tagged[0]['cell_type'] == 'code'

@pytest.mark.parametrize('path', notebooks, ids=name)
def test_who_exports(path):
    "A numbered notebook is one module, all others are none."
    directives = re.findall(r'^#\|\s*(default_exp|exports?)\b', '\n'.join(map(source, cells(path))), re.M)
    assert directives.count('default_exp') == path.stem[0].isdigit()
    assert path.stem[0].isdigit() or not directives

def imported(path):
    "The modules of this package that a module imports, wherever in its text."
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import): found = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(filter(None, ['selfrefine' if node.level else '', node.module]))
            found = [f'{base}.{a.name}' for a in node.names] if base == 'selfrefine' else [base]
        else: continue
        yield from (m.split('.')[1] for m in found if m.startswith('selfrefine.'))

@pytest.mark.parametrize('path', sorted((root/'selfrefine').glob('[!_]*.py')), ids=name)
def test_imports_from_lower_floors(path):
    assert path.stem in floor, f'give {path.stem} a floor in {Path(__file__).name}'
    for module in imported(path): assert floor.get(module, -1) < floor[path.stem], f'{path.stem} may not import {module}'

def test_export_in_sync(tmp_path):
    "The package is what the notebooks export."
    for f in ('settings.ini', 'pyproject.toml'): shutil.copy(root/f, tmp_path)
    shutil.copytree(root/'nbs', tmp_path/'nbs', ignore=shutil.ignore_patterns('.*'))
    shutil.copytree(root/'selfrefine', tmp_path/'selfrefine', ignore=shutil.ignore_patterns('assets', '__pycache__'))
    done = run(sys.executable, '-c', 'from nbdev.doclinks import nbdev_export; nbdev_export()', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = lambda folder: {p.name: p.read_text() for p in (folder/'selfrefine').glob('*.py')}
    stale = [f for f, t in text(tmp_path).items() if text(root).get(f) != t]
    assert not stale, f'{stale} differ from their notebooks; run nbdev_export'

def test_import_is_lazy():
    "`import selfrefine` costs nothing: torch comes with the first name that needs it."
    done = run(sys.executable, '-c', 'import sys, selfrefine; print(sorted({"torch", "diffusers", "numpy"} & set(sys.modules)))')
    assert done.stdout.strip() == '[]', done.stdout + done.stderr

def test_readme_in_sync():
    if not (root/'nbs/index.ipynb').exists(): pytest.skip('there is no nbs/index.ipynb to make README.md from')
    done = run(sys.executable, 'tools/readme.py', '--check')
    assert done.returncode == 0, done.stderr

def test_notice_names_assets():
    "Pictures and weights are named with their maker; the study's page is our own."
    notice = (root/'NOTICE').read_text()
    unnamed = [p.name for p in (root/'selfrefine/assets').iterdir() if p.suffix not in ('.css', '.js') and f'selfrefine/assets/{p.name}' not in notice]
    assert not unnamed, f'NOTICE does not name {unnamed}'

def test_shipped_configurations_name_no_folder():
    "diffusers notes where a model was read from; what ships comes from nowhere."
    for p in (root/'selfrefine/assets').rglob('*.json'): assert '_name_or_path": "/' not in p.read_text(), p

def test_size():
    "A checkout stays small: data and weights are a few MB each."
    files = run('git', 'ls-files', '-z')
    if files.returncode: pytest.skip('not a git checkout')
    size = sum(os.path.getsize(root/f) for f in files.stdout.split('\0') if f and (root/f).exists())
    assert size < 48*2**20, f'{size/2**20:.1f} MiB'
