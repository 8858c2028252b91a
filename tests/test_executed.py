"Executed notebooks name only what exists today, so that a reader can run what a page shows."
import ast, json, re
from importlib import import_module
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
executed = sorted(p.relative_to(root).as_posix() for p in (root/'reports').rglob('*.ipynb'))

def cells(path, cell_type):
    found = json.loads((root/path).read_text())['cells']
    return [c for c in found if c['cell_type'] == cell_type]

def source(cell): return ''.join(cell['source'])

def tagged(path, tag): return [source(c) for c in cells(path, 'code') if tag in c['metadata'].get('tags', [])]

def imports(code):
    "The modules of this repository that some code imports, each with the names that it takes from there."
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom): found.append((node.module or '', [a.name for a in node.names]))
        if isinstance(node, ast.Import): found += [(a.name, []) for a in node.names]
    return [(module, names) for module, names in found if module.partition('.')[0] in ('selfrefine', 'benchmarks')]

def missing(module, names):
    "Which of some names a module does not have; the module itself where there is none."
    try: found = import_module(module)
    except ModuleNotFoundError: return [module]
    return [f'{module}.{name}' for name in names if not hasattr(found, name)]

def variables(code):
    "The names that a cell of parameters sets."
    targets = [getattr(node, 'target', None) or node.targets[0] for node in ast.parse(code).body]
    return {t.id for t in targets}

def test_what_is_missing_is_found():
    assert imports('import torch, selfrefine.data\nfrom selfrefine.data.sets import emoji as e') == [
        ('selfrefine.data', []), ('selfrefine.data.sets', ['emoji'])]
    assert not missing('selfrefine.data.sets', ['emoji']) and not missing('selfrefine', ['train'])
    assert missing('selfrefine.data.sets', ['emoji', 'grid']) == ['selfrefine.data.sets.grid']
    assert missing('selfrefine.metrics', ['frechet']) == ['selfrefine.metrics']

@pytest.mark.parametrize('path', executed)
def test_imports_exist(path):
    found = [i for c in cells(path, 'code') for i in imports(source(c))]
    assert not sum((missing(*i) for i in found), [])

@pytest.mark.parametrize('path', executed)
def test_named_notebooks_exist(path):
    named = re.findall(r'\bnbs/[\w/-]+\.ipynb', '\n'.join(map(source, cells(path, 'markdown'))))
    assert not [n for n in named if not (root/n).exists()]

pages = sorted(p.relative_to(root).as_posix() for f in ('nbs', 'reports') for p in (root/f).rglob('*.ipynb'))

@pytest.mark.parametrize('path', [p for p in pages if '.ipynb_checkpoints' not in p])
def test_named_commands_exist(path):
    named = re.findall(r'python -m (selfrefine[\w.]*|benchmarks)\b', '\n'.join(map(source, cells(path, 'markdown'))))
    assert not sum((missing(module.rstrip('.'), []) for module in named), [])

@pytest.mark.parametrize('path', executed)
def test_injected_parameters_exist(path):
    injected = [variables(code) for code in tagged(path, 'injected-parameters')]
    assert set().union(*injected) <= set().union(*map(variables, tagged(path, 'parameters')))

@pytest.mark.parametrize('path', executed)
def test_ran_to_the_end(path):
    ran = json.loads((root/path).read_text())['metadata'].get('papermill', {})
    assert not ran.get('exception') and (not ran or ran.get('end_time') or 'duration' not in ran)

FOLDERS = r'(?<![\w.])/(?:(?:root|home|work|Users)/|tmp/(?!tmp\w{8}\b|inception))[\w/.-]*'  # but temporary ones

@pytest.mark.parametrize('path', pages)
def test_outputs_name_no_folder_of_a_machine(path):
    found = json.dumps(json.loads((root/path).read_text())['metadata'].get('papermill', {}))
    for o in (o for c in cells(path, 'code') for o in c['outputs']):
        found += ' '.join(''.join(v) for k, v in o.get('data', {'text': o.get('text', '')}).items() if 'image' not in k)
    assert not re.findall(FOLDERS, found)
