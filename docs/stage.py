"""Turn notebooks into pages for Sphinx and MyST-NB, where Quarto is not at hand.

Numbered notebooks are the library; reports are shown by their executed copies in `reports/`; every other notebook is a guide,
shown by its executed copies where it has any.
"""
import ast, json, re
from pathlib import Path

REPORT = re.compile(r'(table|fig|scale|sweep|controls|localisation|benchmarks)\d*(-latent)?$')
RUNS = dict(base_model=('base_ddpm', 'base_improved', 'base_uvit', 'base_ldm', 'base_text'), base_first=('base_vq', 'base_kl'))  # a notebook whose executed copies have other names than its own
DIRECTIVE = re.compile(r'#\|\s*([\w-]+):?\s*(.*)')

def page_name(path):
    "`00_data.ipynb` is published as `data`, and `reports/full/table1.ipynb` as `full-table1`."
    path = Path(path)
    return ('full-' if path.parent.name == 'full' else '') + re.sub(r'^\d+\w?_', '', path.stem).lower()

def sources(root):
    "The notebooks of each section of the site; a report that has not been run yet has no page."
    nbs = [p for p in (root/'nbs').glob('[!_]*.ipynb') if p.stem != 'index']
    runs = [p for p in (root/'reports').glob('*.ipynb') if REPORT.match(p.stem)] + list((root/'reports/full').glob('*.ipynb'))
    order = lambda p: (p.parent.name == 'full', not p.stem.startswith('table'), [int(s) if s.isdigit() else s for s in re.split(r'(\d+)', p.stem)])
    guides = [p for p in nbs if not p.stem[0].isdigit() and not REPORT.match(p.stem)]
    executed = lambda p: [q for name in RUNS.get(p.stem, [p.stem]) if (q := root/f'reports/{name}.ipynb').exists()] or [p]
    return {'Library': sorted(p for p in nbs if p.stem[0].isdigit()), 'Guides': sorted(sum(map(executed, guides), [])), 'Results': sorted(runs, key=order)}

def directives(source):
    "Split `#| key: value` lines off a cell's source."
    lines = source.splitlines()
    found = {m[1]: m[2] for s in lines if (m := DIRECTIVE.match(s))}
    return found, '\n'.join(s for s in lines if not DIRECTIVE.match(s)).strip('\n')

def to_myst(text, pages, web):
    "Links between notebooks lead to their pages, links to reports' files to a download, and all others to the repository."
    def link(m):
        if m[1] in pages: return f'](/{pages[m[1]]}.ipynb{m[2] or ""})'
        return f']({web}/nbs/{m[1]}.ipynb)'.replace('/nbs/../', '/')
    text = re.sub(r'\]\(((?:\.\./reports/(?:full/)?)?[\w-]+)\.ipynb(#[\w.-]+)?\)', link, text)
    text = re.sub(r'(?<=\]\()(?=images/)|(?<=src=")(?=images/)', '../nbs/', text)
    return re.sub(r'(?<!!)(\[[^\]]*\]\()\.\./(?!reports/)(?=[\w./-]+\))', rf'\1{web}/', text)

def names(module, sources):
    "The closing list of a page: what its cells define, each with the first line of its docstring."
    rows = []
    for source in sources:
        for node in ast.parse(source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (doc := ast.get_docstring(node)):
                rows.append(f'`{module}.{node.name}`\n: {doc.splitlines()[0]}')
    return '## Names\n\n' + '\n\n'.join(rows) if rows else ''

def markdown(source, cell_id): return dict(cell_type='markdown', id=cell_id, metadata={}, source=source)

def page(path, pages, web):
    "One notebook as MyST-NB reads it: without hidden cells and directives, and with its names at the end."
    nb, cells, module, exported = json.loads(path.read_text()), [], '', []
    for c in nb['cells']:
        source = ''.join(c['source'])
        if c['cell_type'] == 'markdown':
            lead = re.sub(r'^> (.+)$', r'{.lead}\n\1', source, count=1, flags=re.M) if not cells else source
            cells.append(markdown(to_myst(lead, pages, web), c['id']))
        if c['cell_type'] != 'code': continue
        given, source = directives(source)
        module = given.get('default_exp', module)
        if 'hide' in given or not source: continue
        if 'exports' in given: exported.append(source)
        tags = [t for k, t in {'echo': 'remove-input', 'output': 'remove-output'}.items() if given.get(k) == 'false']
        cells.append(dict(c, source=source, metadata=dict(tags=tags)))
    if module and (end := names(module, exported)): cells.append(markdown(end, 'names'))
    return dict(nb, cells=cells, metadata=dict(kernelspec=nb['metadata']['kernelspec']))

def write(path, nb):
    "A page that did not change keeps its time, so that Sphinx need not read it again."
    text = json.dumps(nb)
    if not path.exists() or path.read_text() != text: path.write_text(text)

def contents(caption, paths, pages):
    "A section of the sidebar; runs of one notebook, which have one title, are told apart."
    def entry(p):
        title = pages[page_name(p)]['cells'][0]['source'].splitlines()[0].removeprefix('# ')
        which = 'full run' if p.parent.name == 'full' else next((p.stem for runs in RUNS.values() if p.stem in runs), '').removeprefix('base_') or p.stem.partition('-')[2]
        return f'{title} ({which}) <{page_name(p)}>' if which else page_name(p)
    return markdown('\n'.join([f'```{{toctree}}\n:hidden:\n:caption: {caption}\n', *map(entry, paths), '```']), caption.lower())

def stage_all(
    root: Path,  # the repository
    dest: Path,  # Sphinx's source folder; its notebooks are replaced
    web: str,  # address of a file in the repository, for links to what is no page
):
    "Write every page of the site to `dest`."
    sections = {caption: paths for caption, paths in sources(root).items() if paths}
    paths = [root/'nbs/index.ipynb', *sum(sections.values(), [])]
    links = {p.stem if p.parent.name != 'full' else f'../reports/full/{p.stem}': page_name(p) for p in paths}
    links |= {f'../reports/{p.stem}': page_name(p) for p in paths if p.parent.name == 'reports'}
    links |= {name: next(links[r] for r in runs if r in links) for name, runs in RUNS.items() if name not in links}
    made = {page_name(p): page(p, links, web) for p in paths}
    made['index']['cells'] += [contents(*s, made) for s in sections.items()]
    for old in dest.glob('*.ipynb'):
        if old.stem not in made: old.unlink()
    for name, nb in made.items(): write(dest/f'{name}.ipynb', nb)
