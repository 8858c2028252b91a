"""Turn notebooks into pages for Sphinx and MyST-NB, where Quarto is not at hand.

A notebook that papermill runs is shown by its executed copies in `reports/`; one that has not been run yet has no page.
The reference, the costs and the list of results are generated: see `reference.py` and `records.py`.
"""
import ast, json, re
from functools import partial
from pathlib import Path
from records import changelog_page, cite_page, costs_page, results_page, stamp
from reference import escape, reference_pages

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

def lead(path):
    "The line below a notebook's title."
    cells = json.loads(path.read_text())['cells']
    text = ''.join(next(c['source'] for c in cells if c['cell_type'] == 'markdown'))
    found = re.search(r'^> (.+)$', text, re.M)
    return found[1] if found else ''

def own_title(path, root):
    "A title that no other page has: runs of one notebook have the same, and are told apart by what was run."
    which = 'larger run' if path.parent.name == 'full' else path.stem.partition('-')[2]
    if path.stem.startswith('base_') and not (root/'nbs/shipped'/path.name).exists():
        which = path.stem.removeprefix('base_')
    return f'{title(path)} ({which})' if which else title(path)

def own_titles(paths, root):
    "The title of every page; where two have one, the later says its folder."
    found = {}
    for p in paths:
        text = own_title(p, root)
        found[p] = f'{text} ({p.parent.name})' if text in found.values() else text
    return found

def report_order(path):
    "The verdict first, tables before figures, numbers by their value."
    numbers = [int(s) if s.isdigit() else s for s in re.split(r'(\d+)', path.stem)]
    kinds = ('claims', 'verdict', 'controls', 'table', 'fig')
    return next((i for i, k in enumerate(kinds) if path.stem.startswith(k)), len(kinds)), numbers

def in_order(folder, first):
    "A folder's notebooks: some by name, then all others."
    found = {p.stem: p for p in sorted(folder.glob('*.ipynb'))}
    return [found.pop(name) for name in first if name in found] + list(found.values())

START = ('install', 'first_run', 'what_you_see')
HOWTO = ('own_images', 'own_loop', 'fine_tune_sd', 'find_flaws', 'judge_folders', 'choose_weights', 'several_devices',
         'paper_scale', 'run_study', 'add_set', 'add_guide', 'add_metric', 'add_model', 'add_transformer')

def sections(root, folders):
    "The notebooks of each section of the site; a folder of the package is a section with a page of its own."
    nbs = root/'nbs'
    executed = sorted((root/'reports').glob('*.ipynb'))
    base = [p for p in executed if not (nbs/f'{p.stem.partition("-")[0]}.ipynb').exists()]
    found = {'Start': in_order(nbs/'start', START), 'How-to': in_order(nbs/'howto', HOWTO)}
    found['Results'] = sorted(set(executed) - set(base), key=report_order)
    found['Larger runs'] = sorted((root/'reports/full').glob('*.ipynb'), key=report_order)
    found['Base models'] = base
    found['Method'] = [nbs/'reference.ipynb', *sorted((nbs/'method').glob('*.ipynb')), nbs/'deviations.ipynb']
    for folder in folders: found[folder] = sorted((nbs/folder).glob('*.ipynb')) if folder != 'method' else []
    found['Help'] = [p for p in (nbs/'faq.ipynb', nbs/'glossary.ipynb') if p.exists()]
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
    "The closing list of a page: what its cells define, with links to the reference."
    rows = []
    for source in sources:
        for node in ast.parse(source).body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
            if any('patch' in ast.unparse(d) for d in node.decorator_list): continue
            if doc := ast.get_docstring(node):
                rows.append(f'{{py:obj}}`~selfrefine.{module}.{node.name}`\n: {escape(doc.splitlines()[0])}')
    return '## Names\n\n' + '\n\n'.join(rows) if rows else ''

def only_imports(source):
    "Does a cell hold imports alone?"
    try: body = ast.parse(source).body
    except SyntaxError: return False
    return bool(body) and all(isinstance(n, (ast.Import, ast.ImportFrom)) for n in body)

def folded(cell, source):
    "What a page shows folded, by its label: imports, and the parameters of a report."
    if only_imports(source): return 'Imports'
    if {'parameters', 'injected-parameters'} & set(cell['metadata'].get('tags', ())): return 'Parameters'

def markdown(source, cell_id): return dict(cell_type='markdown', id=cell_id, metadata={}, source=source)

def shown(output, myst):
    "An output whose markdown is as the site needs it."
    data = output.get('data', {})
    if 'text/markdown' not in data or any(k.startswith('image/') for k in data): return output
    return dict(output, data=data | {'text/markdown': myst(''.join(data['text/markdown']))})

def head(text, own, note):
    "The first cell: a title that no other page has, the subtitle as a lead, and a note below."
    text = re.sub(r'^# .+$', f'# {own}', text, count=1, flags=re.M)
    return re.sub(r'^> (.+)$', r'{.lead}\n\1', text, count=1, flags=re.M) + (f'\n\n{note}' if note else '')

def page(path, own, note, myst):
    "One notebook as MyST-NB reads it: without hidden cells and directives, and with its names at the end."
    nb, cells, module, exported = json.loads(path.read_text()), [], '', []
    for c in nb['cells']:
        source = ''.join(c['source'])
        if c['cell_type'] == 'markdown':
            cells.append(markdown(myst(source if cells else head(source, own, note)), c['id']))
        if c['cell_type'] != 'code': continue
        given, source = directives(source)
        module = given.get('default_exp', module)
        if 'hide' in given or not source: continue
        if 'exports' in given: exported.append(source)
        tags = [t for k, t in {'echo': 'remove-input', 'output': 'remove-output'}.items() if given.get(k) == 'false']
        more = {}
        if (label := folded(c, source)) and not tags:
            tags, more = ['hide-input'], dict(mystnb=dict(code_prompt_show=label, code_prompt_hide=label))
        outputs = [shown(o, myst) for o in c['outputs']]
        made = dict(c, source=source, outputs=outputs, metadata=dict(tags=tags, **more))
        if more and cells and cells[-1]['metadata'] == made['metadata']: cells[-1]['source'] += f'\n\n{source}'
        else: cells.append(made)
    if module and (end := names(module, exported)): cells.append(markdown(end, 'names'))
    return dict(nb, cells=cells, metadata=dict(kernelspec=nb['metadata']['kernelspec']))

def text_page(text):
    "A page of markdown alone."
    kernel = dict(display_name='Python 3', language='python', name='python3')
    return dict(cells=[markdown(text, 'text')], metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)

def write(path, nb):
    "A page that did not change keeps its time, so that Sphinx need not read it again."
    text = json.dumps(nb)
    if not path.exists() or path.read_text() != text: path.write_text(text)

def toctree(entries, caption=''):
    "A section of the sidebar."
    options = [':hidden:', f':caption: {caption}'] if caption else [':hidden:']
    return '\n'.join(['```{toctree}', *options, '', *entries, '```'])

def overview(name, text, paths, pages, titles):
    "A page that lists a section's pages with their subtitles."
    rows = [f'[{titles[p]}](/{pages[p]}.ipynb)\n: {lead(p)}' for p in paths]
    return text_page('\n\n'.join([f'# {name}', f'{{.lead}}\n{text}', *rows, toctree(pages[p] for p in paths)]))

PACKAGE = dict(
    data='Pictures, captions and sets, and the one rule of every random draw.',
    diffusion='Schedules, networks, models, sampling and training.',
    evaluation='Features, distances, statistics and judges.',
    applications='Inpainting, repair and the study with people.',
    experiments='Presets, cache, tables, figures and the studies behind them.',
    commands='What the command line does: from a folder of pictures to a refined model.')

def nested(found, pages, titles):
    "Sections that are a page with its own list: name of the page -> page."
    def listed(name, text, section): return overview(name, text, found[section], pages, titles)
    made = {f'notebooks-{f}': listed(f'Notebooks: {f}', text, f) for f, text in PACKAGE.items() if f in found}
    more = {'Larger runs': 'The same notebooks with more seeds, steps or images than a laptop has time for.',
            'Base models': 'How each shipped model was trained, with its samples beside the nearest training images.'}
    return made | {n.lower().replace(' ', '-'): listed(n, text, n) for n, text in more.items() if n in found}

def generated(root, folders, found, pages, titles):
    "The pages that are no notebook's: name -> MyST text, in the order of the sidebar."
    runs = found['Results'] + found.get('Larger runs', [])
    texts = reference_pages(root, folders, pages, titles) | dict(
        results=results_page(runs, pages, titles), costs=costs_page(root, runs, pages, titles),
        changelog=changelog_page(root), cite=cite_page(root))
    texts['api'] += '\n\n' + toctree(n for n in texts if n.startswith('api-'))
    return texts

def sidebar(found, made, pages):
    "The contents of the site as the home page has them."
    captions = 'Start', 'How-to', 'Results', 'Method'
    lists = {caption: [pages[p] for p in found.get(caption, [])] for caption in captions}
    lists['Results'] = ['results', *lists['Results'], *(n for n in ('larger-runs', 'base-models') if n in made)]
    lists['Package'] = [n for n in made if n.startswith('notebooks-')]
    lists['Reference'] = ['api', 'costs']
    lists['Help'] = [*(pages[p] for p in found.get('Help', [])), 'changelog', 'cite']
    return [markdown(toctree(entries, caption), caption.lower()) for caption, entries in lists.items() if entries]

def stage_all(
    root: Path,  # the repository
    dest: Path,  # Sphinx's source folder; its notebooks are replaced
    web: str,  # address of a file in the repository, for links to what is no page
    folders: list,  # of `nbs/`, in the order of the sidebar
):
    "Write every page of the site to `dest`; raises `ValueError` where two pages would have one name."
    found = sections(root, folders)
    paths = [root/'nbs/index.ipynb', *sum(found.values(), [])]
    pages, titles = link_targets(root, paths), own_titles(paths, root)
    made = {}
    for path in paths:
        note = stamp(path) if 'reports' in path.parts else ''
        myst = partial(to_myst, path=path, root=root, pages=pages, web=web)
        made[page_name(path)] = page(path, titles[path], note, myst)
    made |= nested(found, pages, titles)
    texts = generated(root, folders, found, pages, titles)
    made |= {name: text_page(to_myst(text, root/'CHANGELOG.md', root, pages, web)) for name, text in texts.items()}
    made['index']['cells'] += sidebar(found, made, pages)
    for old in dest.glob('*.ipynb'):
        if old.stem not in made: old.unlink()
    for name, nb in made.items(): write(dest/f'{name}.ipynb', nb)
