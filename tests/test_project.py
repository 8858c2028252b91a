"What holds for the project as a whole: settings, notebooks, imports, names, files."
import ast, importlib, inspect, json, os, re, shutil, statistics, subprocess, sys, tomllib
from configparser import ConfigParser
from functools import lru_cache
from pathlib import Path
import pytest
import selfrefine

root = Path(__file__).parent.parent
ini = ConfigParser()
ini.read(root/'settings.ini')
ini = ini['DEFAULT']
folders = ini['folders'].split()
hidden = ('.ipynb_checkpoints', '__pycache__')
def found(folder, pattern): return sorted(p for p in (root/folder).rglob(pattern) if not set(hidden) & set(p.parts))

notebooks, executed = found('nbs', '*.ipynb'), found('reports', '*.ipynb')
sources = [p for f in folders for p in notebooks if p.parent == root/'nbs'/f]  # in the order of their imports
order = [f'selfrefine.{p.parent.name}.{p.stem.partition("_")[2]}' for p in sources]
reports = [p for p in notebooks if re.match(r'(table|fig)\d|localisation|scale|trust', p.stem)]
scripts = [p for f in ('tests', 'benchmarks', 'docs', 'tools') for p in found(f, '*.py')]

def relative(path): return str(path.relative_to(root))
def cells(path): return json.loads(path.read_text())['cells']
def source(cell): return ''.join(cell['source'])
def code_cells(path): return [source(c) for c in cells(path) if c['cell_type'] == 'code']
def exported(path): return [s for s in code_cells(path) if re.match(r'#\|\s*exports?\b', s)]
def module_file(module): return root.joinpath(*module.split('.')).with_suffix('.py')
def run(*command, cwd=root):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
def each(paths): return pytest.mark.parametrize('path', paths, ids=relative)

@lru_cache
def definitions(module):
    "The names of a module's `__all__`."
    for node in ast.parse(module_file(module).read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == '__all__': return ast.literal_eval(node.value)

def test_settings_agree():
    "nbdev 2 reads settings.ini and nbdev 3 pyproject.toml: one project, whichever is used."
    toml = tomllib.loads((root/'pyproject.toml').read_text())
    project, nbdev = toml['project'], toml['tool']['nbdev']
    def text(v): return ' '.join(v) if isinstance(v, list) else str(v)
    assert {k: text(v).lower() for k, v in nbdev.items()} == {k: ini[k].lower() for k in nbdev}
    named = project['name'], project['description'], project['urls']['Repository']
    assert (ini['lib_name'], ini['description'], ini['git_url']) == named
    assert project['authors'] == [{'name': ini['author'], 'email': ini['author_email']}]
    assert project['requires-python'] == f'>={ini["min_python"]}'
    assert (ini['license'], project['license']) == ('apache2', 'Apache-2.0')
    assert f'__version__ = "{ini["version"]}"' in (root/'selfrefine/__init__.py').read_text()
    assert list(selfrefine._folders) == folders == list(dict.fromkeys(m.split('.')[1] for m in order))

@each(notebooks + executed)
def test_notebook(path):
    "Anyone's kernel runs it, and no stored output is an error."
    assert json.loads(path.read_text())['metadata']['kernelspec']['name'] == 'python3'
    failed = [o['evalue'] for c in cells(path) for o in c.get('outputs', []) if o['output_type'] == 'error']
    assert not failed, f'run it again and keep the outputs: {failed[0]}'

@each(reports)
def test_report_has_parameters(path):
    "nbdev_clean must not have taken the tag that papermill looks for."
    tagged = [c for c in cells(path) if 'parameters' in c['metadata'].get('tags', [])]
    assert len(tagged) == 1 and tagged[0]['cell_type'] == 'code'
    takes_source = re.search(r'^source\b', source(tagged[0]), re.M)
    assert takes_source or path.stem in ('scale', 'trust'), 'a report takes its image set as `source`'

@each(notebooks)
def test_who_exports(path):
    "A numbered notebook in one of the folders is one module, named after it; all others are none."
    text = '\n'.join(map(source, cells(path)))
    names = re.findall(r'^#\|\s*default_exp\s+(\S+)', text, re.M)
    assert names == ([f'{path.parent.name}.{path.stem.partition("_")[2]}'] if path in sources else [])
    assert bool(re.search(r'^#\|\s*exports?\b', text, re.M)) == (path in sources)
    assert bool(re.match(r'\d+[a-z]?_', path.stem)) == (path in sources)

def resolve(node, package):
    "The dotted names that an import brings in; those of the package's modules are relative to `package`."
    if isinstance(node, ast.Import): return [a.name for a in node.names]
    above = package.split('.')[:len(package.split('.')) - node.level + 1] if node.level else []
    base = '.'.join([*above, *filter(None, [node.module])])
    return [f'{base}.{a.name}' for a in node.names]

def imports(text, package=''):
    "All that some code imports of this package, also inside functions, as dotted names."
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.Import, ast.ImportFrom))]
    return [name for n in nodes for name in resolve(n, package) if name.startswith('selfrefine.')]

def home(name):
    "The module of a dotted name: itself, where it is one, or what it is in."
    return name if module_file(name).exists() else name.rpartition('.')[0]

def exists(name):
    "Is a dotted name something of the package?"
    module = home(name)
    if module == 'selfrefine': return name.rpartition('.')[2] in folders + selfrefine.__all__
    if not module_file(module).exists(): return False
    return name == module or hasattr(importlib.import_module(module), name.rpartition('.')[2])

@each(found('selfrefine', '[!_]*.py'))
def test_imports_come_from_above(path):
    "A module imports from folders above its own in settings.ini, and from earlier files of its folder."
    module = '.'.join(path.relative_to(root).with_suffix('').parts)
    assert module in order, f'{relative(path)} has no notebook'
    later = order[order.index(module):]
    imported = imports(path.read_text(), package=module.rpartition('.')[0])
    wrong = [name for name in imported if home(name) in later or home(name) not in order]
    assert not wrong, f'{module} comes before {wrong} and may not import them'

def python_text(cell):
    "A cell's code without the lines that only IPython reads; '' for a cell of another language."
    return '' if cell.startswith('%%') else re.sub(r'^\s*[%!].*$', '', cell, flags=re.M)

def code(path):
    "The Python of a notebook, script or page."
    if path.suffix == '.ipynb': return '\n'.join(map(python_text, code_cells(path)))
    if path.suffix == '.py': return path.read_text()
    return '\n'.join(re.findall(r'^```python\n(.*?)^```', path.read_text(), re.M | re.S))

@each(notebooks + scripts + [root/'README.md', root/'CONTRIBUTING.md'])
def test_imported_names_exist(path):
    "Whatever is imported of this package is there, in notebooks, scripts and pages; test_executed.py has the reports."
    assert not [name for name in imports(code(path)) if not exists(name)]

def changes():
    "CHANGELOG's rows of dotted names, old and new; '' where the new one is not public."
    names = (root/'CHANGELOG.md').read_text().partition('### Names')[2]
    rows = re.findall(r'^\| `([\w.]+)` \| (?:`([\w.]+)`|[\w ]+) \|$', names, re.M)
    assert len(rows) > 100
    return rows

def test_changelog_names_what_is_there():
    assert not [new for _, new in changes() if new and not exists(f'selfrefine.{new}')]

OLD = {old: new for old, new in changes() if not old.endswith('.html')}  # which is a file's name, too

@each(notebooks + scripts + found('selfrefine', '*.py') + [root/'README.md', root/'CONTRIBUTING.md'])
def test_old_names_are_gone(path):
    "No code or page still says a renamed name with its former module."
    text = '\n'.join(map(source, cells(path))) if path.suffix == '.ipynb' else path.read_text()
    words = set(re.findall(r'(?<![\w.])(?:selfrefine\.)?(\w+\.\w+)(?![\w.])', text))
    left = {w: OLD[w] for w in sorted(words & OLD.keys())}
    assert not left, f'now: {left}'

def test_a_public_name_has_one_home():
    "Two things of one name in different modules are confused sooner or later."
    homes = {}
    for module in order:
        for name in definitions(module): homes.setdefault(name, []).append(module)
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}
    assert not [name for name in homes if name.startswith('_')]

def constants(module):
    "The constants of a module, private ones too."
    nodes = [n for n in ast.parse(module_file(module).read_text()).body if isinstance(n, ast.Assign)]
    names = {n.id for node in nodes for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return {name for name in names if name.isupper()}

def test_a_constant_has_one_home():
    homes = {}
    for module in order:
        for name in constants(module): homes.setdefault(name, []).append(module)
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}

def test_top_level_names_exist():
    for name in selfrefine.__all__: assert name in definitions(f'selfrefine.{selfrefine._home[name]}'), name

def functions(module):
    "The functions of a module."
    return [n.name for n in ast.parse(module_file(module).read_text()).body if isinstance(n, ast.FunctionDef)]

def registered(module):
    "The names in a module's public tables, such as the functions of `GUIDES`."
    tables = [n for n in ast.parse(module_file(module).read_text()).body if isinstance(n, ast.Assign)]
    values = [n.value for n in tables if ast.unparse(n.targets[0]).isupper()]
    return {n.id for v in values for n in ast.walk(v) if isinstance(n, ast.Name)}

def test_helpers_are_private():
    """A public function is used in another file or stands in a public table, or its own notebook tests or explains it.

    Else it begins with `_`.
    """
    words = {p: set(re.findall(r'\w+', p.read_text())) for p in notebooks + scripts + [root/'README.md']}
    unused = []
    for path, module in zip(sources, order):
        module_cells = set(exported(path))
        own = [source(c) for c in cells(path) if source(c) not in module_cells]
        used = set(re.findall(r'\w+', '\n'.join(own))).union(*(w for p, w in words.items() if p != path))
        used |= registered(module)
        unused += [f'{module}.{f}' for f in functions(module) if f not in used and not f.startswith('_')]
    assert not unused, f'used by their own module alone: {", ".join(unused)}'

def keywords(module):
    "The public functions and methods of a module that take `**`, and what that is called."
    nodes = [n for n in ast.walk(ast.parse(module_file(module).read_text())) if isinstance(n, ast.FunctionDef)]
    return {n.name: n.args.kwarg.arg for n in nodes if n.args.kwarg and not n.name.startswith('_')}

def test_public_signatures_name_their_parameters():
    "Where a preset's fields are taken as `**fields`, the signature that a reader and an editor see names them."
    taken = {(m, name): kwarg for m in order for name, kwarg in keywords(m).items()}
    assert 'overrides' not in taken.values()
    for module, name in [key for key, kwarg in taken.items() if kwarg == 'fields']:
        f = getattr(importlib.import_module(module), name)
        assert {'steps', 'base_folder'} <= inspect.signature(f).parameters.keys(), name

@each([module_file(m) for m in order])
def test_module_is_short(path): assert path.read_text().count('\n') <= 300

@each(notebooks + scripts)
def test_lines_are_short(path):
    text = '\n'.join(code_cells(path)) if path.suffix == '.ipynb' else path.read_text()
    long = [line for line in text.split('\n') if len(line) > 120]
    assert not long, f'{len(long)} lines are longer than 120 characters'

def test_exported_cells_are_short():
    "At most 30 lines, half of them at most 10; directives are not counted."
    def length(cell): return len([line for line in cell.rstrip().split('\n') if not line.startswith('#|')])
    lengths = [(length(cell), relative(p)) for p in sources for cell in exported(p)]
    assert not [(n, p) for n, p in lengths if n > 30]
    assert statistics.median(n for n, _ in lengths) <= 10

def test_export_in_sync(tmp_path):
    "The package is what the notebooks export."
    for f in ('settings.ini', 'pyproject.toml'): shutil.copy(root/f, tmp_path)
    shutil.copytree(root/'nbs', tmp_path/'nbs', ignore=shutil.ignore_patterns('.*'))
    shutil.copytree(root/'selfrefine', tmp_path/'selfrefine', ignore=shutil.ignore_patterns('assets', '__pycache__'))
    done = run(sys.executable, '-c', 'from nbdev.doclinks import nbdev_export; nbdev_export()', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    def texts(folder): return {str(p.relative_to(folder)): p.read_text() for p in (folder/'selfrefine').rglob('*.py')}
    made, kept = texts(tmp_path), texts(root)
    stale = [f for f in made.keys() | kept.keys() if made.get(f) != kept.get(f)]
    assert not stale, f'{sorted(stale)} differ from their notebooks; run nbdev_export'

def test_import_is_lazy():
    "`import selfrefine` costs nothing: torch comes with the first name that needs it."
    heavy = 'import sys, selfrefine; print(sorted({"torch", "diffusers", "numpy"} & set(sys.modules)))'
    done = run(sys.executable, '-c', heavy)
    assert done.stdout.strip() == '[]', done.stdout + done.stderr

def test_readme_in_sync():
    done = run(sys.executable, 'tools/readme.py', '--check')
    assert done.returncode == 0, done.stderr

def test_notice_names_assets():
    "Pictures and weights are named with their maker; the study's page is our own."
    notice, assets = (root/'NOTICE').read_text(), (root/'selfrefine/assets').iterdir()
    theirs = [p.name for p in assets if p.suffix not in ('.css', '.js')]
    unnamed = [name for name in theirs if f'selfrefine/assets/{name}' not in notice]
    assert not unnamed, f'NOTICE does not name {unnamed}'

def test_shipped_configurations_name_no_folder():
    "diffusers notes where a model was read from; what ships comes from nowhere."
    for p in (root/'selfrefine/assets').rglob('*.json'): assert '_name_or_path": "/' not in p.read_text(), p

def test_size():
    "A checkout stays small: data and weights are a few MB each."
    files = run('git', 'ls-files', '-z')
    if files.returncode: pytest.skip('not a git checkout')
    size = sum(os.path.getsize(root/f) for f in files.stdout.split('\0') if f and (root/f).exists())
    assert size <= 47*2**20, f'{size/2**20:.1f} MiB'
