"Every report notebook runs at smoke scale, writes its files, and prints numbers that its stored samples give again."
import ast, json, os, re, subprocess, sys, zipfile
from pathlib import Path
import papermill as pm, pytest, torch, yaml

root = Path(__file__).parent.parent
photographs = Path(os.environ.get('SELFREFINE_DATA', root.parent/'shared/data'))  # real sets, where a machine has them
where = dict(base_model='model', base_first='first', base_highlighter='highlighter.safetensors',
             refine='my-run')  # what these make
smoke = yaml.safe_load((root/'tests/smoke.yaml').read_text())

def has_parameters(path):
    cells = json.loads(path.read_text())['cells']
    return any('parameters' in c['metadata'].get('tags', ()) for c in cells)

paths = [*(root/'nbs').glob('*.ipynb'), *(root/'nbs/shipped').glob('*.ipynb')]
notebooks = {p.stem: p for p in sorted(paths) if has_parameters(p)}
tables = [name for name in notebooks if name.startswith('table')]
figures = [name for name in notebooks if name.startswith('fig')]
with_arms = [t for t in tables if t != 'table6']  # which judges the highlighter
facts = {'commit', 'date', 'processor',
         'preset', 'data', 'n_real', 'n_generated', 'encoder', 'sampler', 'seeds', 'steps',
         'seconds', 'device', 'versions', 'caution'}

def papermill(name, out, data, **more):
    "Run a report as the README does: with both paths, and nobody at the keyboard."
    params = smoke[name] | more | dict(out=str(out/where.get(name, '')))
    args = [a for k, v in params.items() for a in ('-p', k, str(v))]
    paths = [str(notebooks[name].relative_to(root)), str(out/f'{name}.ipynb')]
    command = [sys.executable, '-m', 'papermill', *paths, '--no-progress-bar', *args]
    how = dict(cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    done = subprocess.run(command, env=os.environ | {'SELFREFINE_DATA': str(data)}, **how)
    assert done.returncode == 0, done.stderr[-3000:]

def stored(out, name): return json.loads((out/f'{name}.json').read_text())

@pytest.fixture(scope='module')
def ran(tmp_path_factory):
    "Runs a report once, on a machine that has the embedded images alone."
    out, data, done = tmp_path_factory.mktemp('reports'), tmp_path_factory.mktemp('data'), set()
    def run(name):
        if name not in done: papermill(name, out, data)
        done.add(name)
        return out
    return run

def code_cells(name):
    "The parameters of a notebook, and the cells below them."
    cells = [c for c in json.loads(notebooks[name].read_text())['cells'] if c['cell_type'] == 'code']
    assert 'parameters' in cells[0]['metadata'].get('tags', ())
    return [''.join(c['source']) for c in cells]

@pytest.mark.parametrize('name', notebooks)
def test_parameters_are_checked(name):
    "Every parameter has a type, no other name has one, and nothing runs before the check."
    first, *others = code_cells(name)
    assert all(isinstance(node, ast.AnnAssign) for node in ast.parse(first).body)
    body = [node for code in others for node in ast.parse(code).body]
    assert not any(isinstance(node, ast.AnnAssign) for node in body)
    working = [ast.unparse(node) for node in body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    working = [line for line in working if not line.startswith('pd.set_option')]
    assert re.match(r'check_parameters\(globals\(\)', working[0])

@pytest.mark.parametrize('name', [n for n in notebooks if n in tables + figures or n in ('localisation', 'scale')])
def test_every_report_takes_overrides(name):
    first, *others = code_cells(name)
    assert 'overrides: dict = None' in first and any('overrides=overrides' in code for code in others)

def test_unknown_parameter_stops_everything(tmp_path):
    "A mistyped `out` trains nothing, and the shipped model stays as it is; none is replaced unless named."
    assets = root/'selfrefine/assets'
    def state(): return {f: f.stat().st_mtime_ns for f in assets.rglob('*')}
    before, env = state(), os.environ | dict(SELFREFINE_CACHE=str(tmp_path/'cache'))
    paths = [str(notebooks['base_model']), str(tmp_path/'x.ipynb')]
    command = [sys.executable, '-m', 'papermill', *paths, '-p', 'ouput', 'mine']
    done = subprocess.run(command, cwd=root, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode and "no parameter 'ouput' (did you mean 'out'?)" in done.stderr
    assert state() == before and not (tmp_path/'cache').exists()
    for name in ('base_model', 'base_first', 'base_highlighter'):
        assert not re.search('assets|package_files', '\n'.join(code_cells(name)))

def test_every_report_has_smoke_parameters(): assert set(smoke) == set(notebooks) - {'benchmarks'}

@pytest.mark.parametrize('name', tables + figures)
def test_every_report_takes_a_source(name):
    assert {'source', 'preset', 'out'} <= pm.inspect_notebook(str(notebooks[name])).keys()

@pytest.mark.parametrize('name', smoke)
def test_runs(ran, name):
    out = ran(name)
    wanted = [out/where[name]] if name in where else [out/f'{name}.json', out/f'{name}.png']
    for f in wanted: assert f.exists()
    if not name.startswith('table'): return
    suffixes = ('.csv', '-maps.png', '-loss.png') if name in with_arms else ('.csv',)
    for suffix in suffixes: assert (out/f'{name}{suffix}').stat().st_size
    report = stored(out, name)
    assert facts <= report['meta'].keys()
    assert all(r['mean'] > 0 for r in report['rows'] if not r['metric'].startswith('KID'))

def test_table3_says_where_it_falls_back(ran):
    assert 'On emoji:smileys and emoji:portraits' in (ran('table3')/'table3.ipynb').read_text()

def check_agreement(p, images, drawn, seed, values):
    "The agreement of samples for held-out captions, by the metrics' own functions."
    from selfrefine.experiments.metrics import agreement_among, agreement_in_tone, caption_judge
    from selfrefine.experiments.pipeline import sampling_prompts
    prompts, judge = sampling_prompts(p, images, p.n, 'test')['prompts'], caption_judge(images)
    among = agreement_among(drawn, prompts, judge, seed)
    tone = agreement_in_tone(drawn, prompts, judge, images.captions)
    assert sum(among)/len(among) == pytest.approx(values['agreement among 16'], rel=1e-6)
    assert tone is None or sum(tone)/len(tone) == pytest.approx(values['agreement in tone'], rel=1e-6)

def check_cell(c, rows, enc):
    "The last row of a cell, from its stored samples."
    from selfrefine.data.images import part
    from selfrefine.diffusion.models import MODELS
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.metrics import cached_features
    from selfrefine.experiments.pipeline import image_set, load_samples
    from selfrefine.experiments.presets import Preset
    from selfrefine.evaluation.distances import frechet
    p = Preset(**{k: tuple(v) if isinstance(v, list) else v for k, v in c['settings'].items()})
    images, arm, seed = image_set(p), rows[-1]['arm'], p.seeds[0]
    values = {r['metric']: r['mean'] for r in rows if r['arm'] == arm}
    def drawn(name): return load_samples(cache_root()/c[name][f'{arm}/{seed}'], p.side)
    samples = drawn('samples')
    assert len(samples) == c['n_generated'] == p.n
    found = frechet(enc.features(samples), cached_features(part(images, 'train'), enc))
    assert found == pytest.approx(values[f'{enc.name} to train'], rel=1e-6)
    if MODELS[p.model].text: check_agreement(p, images, drawn('held_out'), seed, values)

def check_numbers(report):
    "The last row of each cell can be computed again from the samples that are stored."
    from selfrefine.evaluation.features import encoder
    cells = [report['meta'], *report['meta']['cells']]
    keys = [(c['settings']['model'], c['data']) for c in cells]
    assert {(r['model'], r['data']) for r in report['rows']} == set(keys)
    for c, key in zip(cells, keys):
        check_cell(c, [r for r in report['rows'] if (r['model'], r['data']) == key], encoder('auto'))

@pytest.mark.parametrize('name', with_arms)
def test_number_from_stored_samples(ran, name): check_numbers(stored(ran(name), name))

@pytest.mark.parametrize('name', with_arms)
def test_maps_move_and_arms_differ(ran, name):
    "Maps of the flaw highlighter move from one refresh to the next, fixed maps do not, and no two arms are the same."
    from selfrefine.diffusion.models import load_model
    from selfrefine.diffusion.model_digests import weights_digest
    from selfrefine.experiments.cache import cache_root, read_done
    from selfrefine.experiments.pipeline import load_maps
    from selfrefine.method.mfam import GUIDES
    ran(name)
    arms = {f: list(load_maps(f).values()) for f in cache_root().glob('arm-*')}
    def guide(f): return (read_done(f)['what']['arm'] or {}).get('guide', 'fam')
    def moved(maps): return [bool((a - b).abs().max() > 0) or not a.any() for a, b in zip(maps, maps[1:])]
    refined = {f: moved(maps) for f, maps in arms.items() if maps}
    fixed = {f for f in refined if not {'cams', 'images', 'generator'} & set(GUIDES[guide(f)].needs)}
    assert refined.keys() - fixed and all(all(refined[f]) for f in refined.keys() - fixed)
    assert not any((a - b).any() for f in fixed for a, b in zip(arms[f], arms[f][1:]))
    digests = [weights_digest(load_model(f/'model').net) for f in arms]
    assert len(set(digests)) == len(digests)

def test_scores_from_stored_samples(ran):
    "Table 6 from its stored fakes; a fresh machine is told which sets it does not have."
    from selfrefine.data.images import evenly_spaced, part
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import image_set, load_samples
    from selfrefine.experiments.presets import settings
    from selfrefine.method.highlighter import shipped_highlighter
    from selfrefine.method.preparation import background_only, reencode_jpeg
    report = stored(ran('table6'), 'table6')
    meta = report['meta']
    assert [m['method'] for m in meta['sets']] == ['Emoji']
    assert {'Oxford 102 Flower, 32 px', 'LSUN-Churches, 32 px'} <= meta['skipped'].keys()
    assert 'Left out: LSUN-Churches, 32 px' in (ran('table6')/'table6.ipynb').read_text()
    h, x = shipped_highlighter(), part(image_set(settings('smoke')), 'test').x
    real = x[evenly_spaced(torch.arange(len(x)), meta['n_real'])]
    fake = load_samples(cache_root()/meta['sets'][0]['samples'], 32)
    assert len(fake) == len(real) == meta['n_generated']
    def area(a, b): return h.evaluate(a, b, by_place=True)['auc']
    first = h.evaluate(fake, real)
    again = {'accuracy': first['accuracy'], 'F1': first['f1'], 'ROC AUC': first['auc'],
             'ROC AUC, background alone': area(background_only(fake), background_only(real)),
             'ROC AUC, re-encoded': area(reencode_jpeg(real), real),
             'ROC AUC, both re-encoded at 75': area(reencode_jpeg(fake, 75), reencode_jpeg(real, 75))}
    values = {r['metric']: r['mean'] for r in report['rows']}
    assert {k: values[k] for k in again} == pytest.approx(again)
    assert all(r['low'] <= r['mean'] <= r['high'] for r in report['rows'])

def test_flaws_from_stored_samples(ran):
    "Table 7's regional rows: every arm is judged in the same area, by the judge that is stored."
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import load_samples
    from selfrefine.method.mfam import GUIDES
    from selfrefine.method.local_highlighter import LocalHighlighter, flaw_probabilities
    report = stored(ran('table7'), 'table7')
    judge = LocalHighlighter.load(cache_root()/report['meta']['regions'][0]['judge']/'highlighter.safetensors')
    rows = {(r['arm'], r['metric']): r for r in report['rows']}
    guided = GUIDES.keys() - {'fam'}
    assert {a for a, _ in rows} == {'base', 'both'} | guided
    for a in ('base', 'random'):
        samples = load_samples(cache_root()/report['meta']['samples'][f'{a}/0'], 32)
        flaws = flaw_probabilities(judge, samples).double()
        inside, outside = (rows[a, f'flaws {place}, %']['mean'] for place in ('inside', 'outside'))
        assert .25*inside + .75*outside == pytest.approx(100*float(flaws.mean()), rel=1e-6)
        assert (rows[a, 'share inside, %']['against_baseline'] is None) == (a == 'base')

def check_fill(t, folder, row):
    "A PSNR from the filled images that are stored."
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import load_samples
    x = torch.where(t.holes[row['mask']].bool(), load_samples(cache_root()/folder, 32), t.truth).double()
    error = (x - t.truth).square().mean((1, 2, 3)).clamp(min=1/t.truth[0].numel())
    assert row['mean'] == pytest.approx((10*(255**2/error).log10()).mean().item(), rel=1e-6) and row['paper'] > 20
    against = row['against_baseline']
    assert against is None if row['arm'] == 'base' else (against['n'], against['over']) == (len(x), 'images')

def test_fills_from_stored_images(ran):
    "Table 5 from the filled images that are stored, and Figure 7 shows these."
    from selfrefine.applications.inpainting import Walk
    from selfrefine.experiments.inpainting import PAPER_MASKS, inpainting_task
    from selfrefine.experiments.pipeline import image_set
    from selfrefine.experiments.presets import settings
    report, shown = (stored(ran(name), name) for name in ('table5', 'fig7'))
    about, rows = report['meta']['restoration'], {(r['arm'], r['metric']): r for r in report['rows']}
    images = image_set(settings('smoke', 'improved'))
    t = inpainting_task(images, tuple(about['missing']), about['n_images'], Walk(**about['schedule']))
    assert set(about['links']) == {f'{m}/{a}/0' for m in PAPER_MASKS for a in ('base', 'both')}
    assert shown['meta']['restoration']['links'] == about['links']
    for key, folder in about['links'].items():
        mask, a, _ = key.split('/')
        check_fill(t, folder, rows[a, f'{mask} PSNR'])
    assert not any(metric.startswith(('wide F', 'narrow F', 'lines F')) for _, metric in rows)
    assert 'No Fréchet distance' in report['meta']['caution']
    walks = report['meta']['walks']
    assert [w['n'] < len(t.truth) for w in walks] == [True, True] and walks[1]['against']['PSNR']['low'] is not None

@pytest.fixture
def excerpts(tmp_path, monkeypatch):
    "A few images of each real set, packed as the whole set is, where `SELFREFINE_DATA` points."
    names = 'flowers64.zip', 'church64.zip'
    missing = [f for f in names if not (photographs/f).exists()]
    if missing: pytest.skip(f'no {" and ".join(missing)} in {photographs}')
    for name in names:
        with zipfile.ZipFile(photographs/name) as whole, zipfile.ZipFile(tmp_path/name, 'w') as few:
            pictures = [n for n in whole.namelist() if n.endswith('.jpg')]
            for n in pictures[::len(pictures)//150]: few.writestr(n, whole.read(n))
    monkeypatch.setenv('SELFREFINE_DATA', str(tmp_path))
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    return tmp_path

def test_real_image_sets(excerpts, tmp_path):
    "Table 3 trains on flowers and churches where there are any, and says so."
    papermill('table3', tmp_path, excerpts)
    report = stored(tmp_path, 'table3')
    assert [c['data'] for c in (report['meta'], *report['meta']['cells'])] == ['flowers64', 'church64']
    assert 'On flowers64 and church64' in (tmp_path/'table3.ipynb').read_text()
    check_numbers(report)

@pytest.mark.parametrize('name', ['table2', 'table6'])
def test_a_folder_of_ones_own(name, tmp_path, monkeypatch):
    "A table on somebody's folder of pictures: a base phase is trained, and the report names the folder."
    from selfrefine.data.sets import emoji
    from PIL import Image
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    folder = tmp_path/'holiday'
    folder.mkdir()
    for i, x in enumerate(emoji().x[:200:2]): Image.fromarray(x.permute(1, 2, 0).numpy()).save(folder/f'{i}.png')
    papermill(name, tmp_path, tmp_path, source=folder, base_steps=2, n=8)
    meta = stored(tmp_path, name)['meta']
    assert meta['data'] == 'holiday'
    assert (meta if name == 'table2' else meta['sets'][0])['settings']['base_steps'] == 2

def test_captioned_photographs(tmp_path, monkeypatch):
    "Table 4 fine-tunes somebody's Stable Diffusion on captioned photographs, and its text model stays as it was."
    from selfrefine.data.sets import load_images
    from selfrefine.diffusion.models import load_model, new_model, save_model
    from selfrefine.diffusion.model_digests import weights_digest
    from selfrefine.experiments.cache import cache_root
    if not (photographs/'coco128.zip').exists(): pytest.skip(f'no coco128.zip in {photographs}')
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    monkeypatch.setenv('SELFREFINE_DATA', str(photographs))
    given = save_model(new_model('text', 16, captions=load_images('coco128', 16).captions), tmp_path/'model')
    papermill('table4', tmp_path, photographs, base_folder=given, source='coco128', side=16)
    report = stored(tmp_path, 'table4')
    assert [report['meta'][k] for k in ('data', 'n_real', 'n_test')] == ['coco128', 43, 51]
    check_numbers(report)
    nets = [load_model(f).net for f in (given, *sorted(cache_root().glob('arm-*/model')))]
    def different(name): return len({weights_digest(getattr(n, name)) for n in nets})
    assert (different('text'), different('unet')) == (1, 3)
