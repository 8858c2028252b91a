"""Pages made of what the reports recorded of themselves: what there is, what it cost, and on which machine."""
import json, re
from pathlib import Path
import yaml

def load(path): return json.loads(path.read_text()) if path.exists() else {}

def recorded(path):
    "The `meta` of an executed notebook's report; older ones say their commit and date on the page alone."
    meta = dict(load(path.with_suffix('.json')).get('meta', {}))
    found = re.search(r'recorded with commit `(\w+)` of ([\d-]+)', path.read_text())
    if found: meta = dict(commit=found[1], date=found[2]) | meta
    return meta

def duration(seconds):
    if seconds is None: return ''
    if seconds < 180: return f'{seconds:.0f} s'
    return f'{seconds/60:.0f} min' if seconds < 10_800 else f'{seconds/3600:.1f} h'

def count(n, what): return f'{n:,} {what}{"s"*(n != 1)}' if n else ''

def machine(meta):
    "The processor and how much of it was used, in words; '' where a report did not record it."
    threads = count(meta.get('threads'), 'thread') if meta.get('device', 'cpu') == 'cpu' else ''
    return ', '.join(filter(None, [meta.get('processor') or meta.get('device', ''), threads]))

def stamp(path):
    "A line for the head of a result's page: commit, date, processor, time and versions."
    meta = recorded(path)
    if not meta: return ''
    versions = meta.get('versions', {})
    used = [f'{name} {versions[name]}' for name in ('selfrefine', 'torch', 'diffusers') if name in versions]
    made = f'commit `{meta["commit"]}`' if meta.get('commit') else 'commit not recorded'
    date = (meta.get('date') or 'date not recorded').partition('T')[0]
    where = [date, machine(meta) or 'processor not recorded']
    preset = f'preset `{meta["preset"]}`' if meta.get('preset') else ''
    parts = [made, *where, preset, duration(meta.get('seconds')), ', '.join(used)]
    return '{.stamp}\nMade with ' + ' · '.join(filter(None, parts)) + '.'

def table(head, rows):
    cells = [head, ['---']*len(head), *rows]
    return '\n'.join('| ' + ' | '.join(str(c).replace('|', r'\|') for c in row) + ' |' for row in cells)

def steps(meta):
    "Steps and seeds of a run."
    seeds = meta.get('seeds') or []
    return ', '.join(filter(None, [count(meta.get('settings', {}).get('steps'), 'step'), count(len(seeds), 'seed')]))

def results_page(paths, pages, titles):
    "What has been run: one line for each executed notebook."
    rows = []
    for path in paths:
        meta = recorded(path)
        link, made = f'[{titles[path]}](/{pages[path]}.ipynb)', (meta.get('date') or '')[:10]
        rows.append([link, meta.get('preset', ''), steps(meta), made, machine(meta)])
    lead = ('Every result here is a notebook that papermill ran; its numbers lie beside it as JSON and CSV. The home '
            'page has the main tables and says what they show and what they do not.')
    note = ('`papermill nbs/table1.ipynb reports/table1.ipynb` makes one again, and so for the others; `-p preset` '
            'chooses its size. `selfrefine verify` computes every number again from the committed files.')
    head = ['page', 'preset', 'size', 'date', 'processor']
    return '\n\n'.join(['# All results', '{.lead}\n' + lead, note, table(head, rows)])

def report_table(paths, pages, titles):
    "Time of every report that recorded it."
    rows = []
    for path in paths:
        meta = recorded(path)
        cells = [meta, *meta.get('cells', [])]
        train, maps = (sum(sum((c.get(k) or {}).values()) for c in cells) for k in ('train_seconds', 'map_seconds'))
        if not meta.get('seconds') and not train: continue
        times = [duration(meta.get('seconds')), *(duration(t) if train else '' for t in (train, maps))]
        link = f'[{titles[path]}](/{pages[path]}.ipynb)'
        rows.append([link, meta.get('preset', ''), steps(meta), *times, machine(meta) or 'not recorded'])
    return table(['report', 'preset', 'size', 'whole run', 'training', 'maps', 'processor'], rows)

def preset_parts(bench):
    "The paper's presets in hours of a card."
    rows = bench.get('presets')
    if not rows: return []
    cards = [k.removesuffix(' hours') for k in rows[0] if k.endswith(' hours')]
    kinds = [(c, short) for short in ('', ', short maps') for c in cards]
    def line(r):
        steps = f'{r["base"] + r["refinement"]:,}'
        return [r['model'], r['side'], r['batch'], steps, *(f'{r[f"{c} hours{short}"]:.0f}' for c, short in kinds)]
    head = ['model', 'side', 'batch', 'steps', *(f'{c}{short}, h' for c, short in kinds)]
    note = ('Computed and not measured: the operations of all steps over a share of the rate in the card\'s data '
            'sheet, see [benchmarks](/benchmarks.ipynb). "Short maps" are made by 10 DDIM steps.')
    return ["## The paper's presets on a GPU", note, table(head, map(line, rows))]

def growth_parts(bench):
    "How time and memory grow, and what the commands of the front page took."
    def number(x): return f'{x:.2f}' if x else ''
    def line(r): return [r['what'], r['value'], number(r.get('seconds')), number(r.get('memory'))]
    growth = list(map(line, bench.get('growth', [])))
    commands = [[f'`{s["command"]}`', duration(s['seconds'])] for q in bench.get('quick', []) for s in q['steps']]
    parts = []
    head = ['what grows', 'value', 'seconds', 'memory, GiB']
    if growth: parts += ['## How time and memory grow', table(head, growth)]
    if commands: parts += ["## README's commands", table(['command', 'time'], commands)]
    return parts

def scale_parts(root):
    "The paper's presets as they were measured, a step each."
    rows = []
    for name in ('scale', 'scale-latent'):
        found = load(root/f'reports/{name}.json')
        for r in found.get('rows', []):
            seconds = [f'{r["seconds"][k]:.0f}' for k in ('base', 'refinement')]
            where = machine(dict(threads=r.get('threads')) | found['meta'])
            rows.append([r['model'], r['side'], r['batch'], *seconds, f'{r["memory"]:.1f}', where])
    head = ['model', 'side', 'batch', 'base step, s', 'refinement step, s', 'memory, GiB', 'processor']
    note = '[The page of this run](/scale.ipynb) says what was smaller than the preset.'
    return ["## The paper's presets, a step on a CPU", note, table(head, rows)] if rows else []

def gpu_parts(root):
    "What was measured on a real GPU, where a run of `tools/gpu.py` is committed."
    found = load(root/'reports/gpu.json')
    models = found.get('presets', {}).get('models', [])
    rows = found.get('benchmarks', {}).get('rows', [])
    if not models and not rows: return []
    def cell(v): return f'{v:.4g}' if isinstance(v, float) else '' if v is None else v
    lines = [[m['model'], *(cell(m.get(k)) for k in ('seconds', 'peak_gib', 'error'))] for m in models]
    parts = ['## Measured on a GPU', stamp(root/'reports/gpu.json')]
    if lines: parts.append(table(['preset gpu, a few steps', 'seconds', 'memory, GiB', 'error'], lines))
    head = list(dict.fromkeys(k for r in rows for k, v in r.items() if not isinstance(v, (list, dict))))
    if rows: parts.append(table(head, [[cell(r.get(k)) for k in head] for r in rows]))
    return parts

def processor_parts(bench, other):
    "The same work on two processors."
    def key(r): return r['name'] if r.get('ours_median_s') else None
    ours, rows = {key(r): r for r in bench.get('rows', [])}, []
    for r in other.get('rows', []):
        both = (ours[key(r)], r) if key(r) and key(r) in ours else ()
        if both: rows.append([r['work'], *(f'{x["ours_median_s"]:.3g}' for x in both)])
    note = 'Medians in seconds. The second processor is slower in bfloat16 than in float32.'
    head = ['work', 'with AMX', 'slow in bfloat16']
    return ['## The same work on two processors', note, table(head, rows)] if rows else []

def disk_parts(root):
    "Sizes of what ships."
    def size(path): return sum(f.stat().st_size for f in path.rglob('*') if f.is_file()) or path.stat().st_size
    rows = [[p.name, f'{size(p)/2**20:.1f}'] for p in sorted((root/'selfrefine/assets').iterdir())]
    note = 'What the package brings. `du -sh ~/.cache/selfrefine` tells how much the cached results take.'
    return ['## Disk', note, table(['file or folder', 'MiB'], rows)]

def costs_page(root, paths, pages, titles):
    "Seconds, memory and disk, by preset, report and processor."
    bench, other = load(root/'reports/benchmarks.json'), load(root/'reports/slow-bf16/benchmarks.json')
    note = ('Everything here is printed from files in `reports/`, as the runs wrote them. What was made is cached and '
            'not made again: "training" and "maps" are what the arms took when they were made, "whole run" is the call '
            'that wrote the report.')
    lead = '{.lead}\nSeconds, memory and disk: by preset and report, and on which processor.'
    parts = [*gpu_parts(root), *preset_parts(bench), *scale_parts(root), *growth_parts(bench)]
    parts += processor_parts(bench, other) + disk_parts(root)
    return '\n\n'.join(['# Costs', lead, note, '## Reports', report_table(paths, pages, titles), *filter(None, parts)])

def changelog_page(root): return (root/'CHANGELOG.md').read_text()

def bibtex(reference):
    "An article of CITATION.cff as BibTeX."
    people = ' and '.join(f'{a["family-names"]}, {a["given-names"]}' for a in reference['authors'])
    key = f'{reference["authors"][0]["family-names"].lower()}{reference["year"]}'
    fields = dict(title=f'{{{reference["title"]}}}', author=people, year=reference['year'], url=reference['url'])
    return '\n'.join([f'@article{{{key},', *(f'  {k} = {{{v}}},' for k, v in fields.items()), '}'])

def cite_page(root):
    "How to cite the paper and the program, from CITATION.cff where there is one."
    file, said = root/'CITATION.cff', ['# How to cite', '{.lead}\nThe paper for the method, the program for the code.']
    if not file.exists(): return '\n\n'.join(said)
    cff = file.read_text().strip()
    articles = [bibtex(r) for r in yaml.safe_load(cff).get('references', []) if r['type'] == 'article']
    said += ['## The paper', *(f'```bibtex\n{a}\n```' for a in articles), '## The program']
    return '\n\n'.join([*said, 'Reference managers read `CITATION.cff` of the repository:', f'```yaml\n{cff}\n```'])
