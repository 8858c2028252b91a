"""Turn notebooks into pages for Sphinx and MyST-NB, where Quarto is not at hand.

The folders of `nbs/` are the sections of the site. A notebook that papermill runs is shown by its executed copies in
`reports/`; one that has not been run yet has no page.
"""
import ast, json, re
from pathlib import Path

DIRECTIVE = re.compile(r'#\|\s*([\w-]+):?\s*(.*)')
LINK = re.compile(r'(?<=\]\()([^\s)#]+)(#[\w.-]+)?(?=\))|(?<=src=")([^\s"#]+)')
PICTURES = ('.png', '.jpg', '.svg', '.gif')

def page_name(path):
    "`nbs/method/03_mfam.ipynb` is published as `method-mfam`, and `reports/full/table1.ipynb` as `full-table1`."
    stem = re.sub(r'^\d+[a-z]?_', '', path.stem)
    return stem if path.parent.name in ('nbs', 'reports') else f'{path.parent.name}-{stem}'

def title(path):
    cells = json.loads(path.read_text())['cells']
    lines = ''.join(next(c['source'] for c in cells if c['cell_type'] == 'markdown')).splitlines()
    return lines[0].removeprefix('# ')

def report_order(path):
    "Tables before figures, the larger runs last, numbers by their value."
    numbers = [int(s) if s.isdigit() else s for s in re.split(r'(\d+)', path.stem)]
    return path.parent.name == 'full', not path.stem.startswith('table'), numbers

def sections(root, folders):
    "The notebooks of each section of the site, in the order of its sidebar."
    nbs = root/'nbs'
    found = {folder.capitalize(): sorted((nbs/folder).glob('*.ipynb')) for folder in folders}
    executed = sorted((root/'reports').glob('*.ipynb')) + sorted((root/'reports/full').glob('*.ipynb'))
    results = [p for p in executed if (nbs/f'{p.stem.partition("-")[0]}.ipynb').exists()]
    found['How-to'] = sorted((nbs/'howto').glob('*.ipynb'))
    found['Guides'] = [nbs/'reference.ipynb', nbs/'deviations.ipynb', *(p for p in executed if p not in results)]
    found['Results'] = sorted(results, key=report_order)
    return {caption: paths for caption, paths in found.items() if paths}

def link_targets(root, paths):
    "The page of each notebook; one that papermill runs leads to its first executed copy."
    pages = {p: page_name(p) for p in paths}
    if len(set(pages.values())) < len(pages): raise ValueError(f'two pages of one name: {sorted(pages.values())}')
    first = {}
    for p in paths:
        if 'reports' in p.parts: first.setdefault(title(p), page_name(p))
    for p in [*(root/'nbs').glob('*.ipynb'), *(root/'nbs/shipped').glob('*.ipynb')]:
        name = page_name(root/'reports'/p.name) if (root/'reports'/p.name) in pages else first.get(title(p))
        if name: pages.setdefault(p, name)
    return pages

def to_myst(text, path, root, pages, web):
    "Links lead to pages, pictures and reports' files to the files, and all others to the repository."
    def link(m):
        target, anchor = m[1] or m[3], m[2] or ''
        file = (path.parent/target).resolve()
        if re.match(r'\w+:|/', target) or not file.exists(): return m[0]
        if file in pages: return f'/{pages[file]}.ipynb{anchor}'
        place = file.relative_to(root).as_posix()
        return f'../{place}' if file.suffix in PICTURES or place.startswith('reports/') else f'{web}/{place}{anchor}'
    return LINK.sub(link, text)

def directives(source):
    "Split `#| key: value` lines off a cell's source."
    lines = source.splitlines()
    found = {m[1]: m[2] for s in lines if (m := DIRECTIVE.match(s))}
    return found, '\n'.join(s for s in lines if not DIRECTIVE.match(s)).strip('\n')

def names(module, sources):
    "The closing list of a page: what its cells define, each with the first line of its docstring."
    rows = []
    for source in sources:
        for node in ast.parse(source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (doc := ast.get_docstring(node)):
                rows.append(f'`{module}.{node.name}`\n: {doc.splitlines()[0]}')
    return '## Names\n\n' + '\n\n'.join(rows) if rows else ''

def markdown(source, cell_id): return dict(cell_type='markdown', id=cell_id, metadata={}, source=source)

def shown(output, myst):
    "An output whose markdown is as the site needs it."
    data = output.get('data', {})
    if 'text/markdown' not in data or any(k.startswith('image/') for k in data): return output
    return dict(output, data=data | {'text/markdown': myst(''.join(data['text/markdown']))})

def page(path, myst):
    "One notebook as MyST-NB reads it: without hidden cells and directives, and with its names at the end."
    nb, cells, module, exported = json.loads(path.read_text()), [], '', []
    for c in nb['cells']:
        source = ''.join(c['source'])
        if c['cell_type'] == 'markdown':
            lead = re.sub(r'^> (.+)$', r'{.lead}\n\1', source, count=1, flags=re.M) if not cells else source
            cells.append(markdown(myst(lead), c['id']))
        if c['cell_type'] != 'code': continue
        given, source = directives(source)
        module = given.get('default_exp', module)
        if 'hide' in given or not source: continue
        if 'exports' in given: exported.append(source)
        tags = [t for k, t in {'echo': 'remove-input', 'output': 'remove-output'}.items() if given.get(k) == 'false']
        outputs = [shown(o, myst) for o in c['outputs']]
        cells.append(dict(c, source=source, outputs=outputs, metadata=dict(tags=tags)))
    if module and (end := names(module, exported)): cells.append(markdown(end, 'names'))
    return dict(nb, cells=cells, metadata=dict(kernelspec=nb['metadata']['kernelspec']))

def write(path, nb):
    "A page that did not change keeps its time, so that Sphinx need not read it again."
    text = json.dumps(nb)
    if not path.exists() or path.read_text() != text: path.write_text(text)

def entry(path, root):
    "A line of the sidebar; runs of one notebook, which have one title, are told apart."
    which = 'full run' if path.parent.name == 'full' else path.stem.partition('-')[2]
    if path.stem.startswith('base_') and not (root/'nbs/shipped'/path.name).exists():
        which = path.stem.removeprefix('base_')
    return f'{title(path)} ({which}) <{page_name(path)}>' if which else page_name(path)

def contents(caption, paths, root):
    "A section of the sidebar."
    lines = [f'```{{toctree}}\n:hidden:\n:caption: {caption}\n', *(entry(p, root) for p in paths), '```']
    return markdown('\n'.join(lines), caption.lower())

def stage_all(
    root: Path,  # the repository
    dest: Path,  # Sphinx's source folder; its notebooks are replaced
    web: str,  # address of a file in the repository, for links to what is no page
    folders: list,  # of `nbs/`, in the order of the sidebar
):
    "Write every page of the site to `dest`; raises `ValueError` where two pages would have one name."
    found = sections(root, folders)
    paths = [root/'nbs/index.ipynb', *sum(found.values(), [])]
    pages = link_targets(root, paths)
    made = {}
    for path in paths:
        made[page_name(path)] = page(path, lambda text, path=path: to_myst(text, path, root, pages, web))
    made['index']['cells'] += [contents(caption, some, root) for caption, some in found.items()]
    for old in dest.glob('*.ipynb'):
        if old.stem not in made: old.unlink()
    for name, nb in made.items(): write(dest/f'{name}.ipynb', nb)
