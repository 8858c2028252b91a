"Every report notebook runs from top to bottom at smoke scale, writes its files, and prints a number that its stored samples give again."
import json, os, subprocess, sys, zipfile
from pathlib import Path
import papermill as pm, pytest, torch, yaml

root = Path(__file__).parent.parent
photographs = Path(os.environ.get('SELFREFINE_DATA', root.parent/'shared/data'))  # real image sets, where a machine has them
where = dict(base_model='model', base_first='first', base_highlighter='highlighter.safetensors')  # what these make
smoke = yaml.safe_load((root/'tests/smoke.yaml').read_text())
reports = sorted(p.stem for p in (root/'nbs').glob('*.ipynb') if p.stem.startswith(('table', 'fig', 'base_', 'scale', 'localisation')))
tables = [r for r in reports if r.startswith('table')]
with_arms = [t for t in tables if t != 'table6']  # which judges the highlighter

def papermill(name, out, data, **more):
    "Run a report as the README does: with both paths, and nobody at the keyboard."
    params = smoke[name] | more | dict(out=str(out/where.get(name, '')))
    assert params.keys() <= pm.inspect_notebook(str(root/f'nbs/{name}.ipynb')).keys(), 'a parameter the notebook does not have'
    args = [a for k, v in params.items() for a in ('-p', k, str(v))]
    command = [sys.executable, '-m', 'papermill', f'nbs/{name}.ipynb', str(out/f'{name}.ipynb'), '--no-progress-bar', *args]
    p = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, env=os.environ | {'SELFREFINE_DATA': str(data)})
    assert p.returncode == 0, p.stderr[-3000:]

@pytest.fixture(scope='module')
def ran(tmp_path_factory):
    "Runs a report once, on a machine that has the embedded images alone."
    out, data, done = tmp_path_factory.mktemp('reports'), tmp_path_factory.mktemp('data'), set()
    def run(name):
        if name not in done: papermill(name, out, data)
        done.add(name)
        return out
    return run

def test_every_report_has_smoke_parameters(): assert set(smoke) == set(reports)

@pytest.mark.parametrize('name', reports)
def test_runs(ran, name):
    out = ran(name)
    wanted = [out/where[name]] if name in where else [out/f'{name}.json', out/f'{name}.png']
    for f in wanted: assert f.exists()
    if name.startswith('table'):
        for suffix in ('.csv', '-maps.png', '-loss.png') if name in with_arms else ('.csv',): assert (out/f'{name}{suffix}').stat().st_size
        read_done = json.loads((out/f'{name}.json').read_text())
        assert {'preset', 'data', 'n_real', 'n_generated', 'encoder', 'sampler', 'seeds', 'steps', 'seconds', 'device', 'versions', 'caution'} <= read_done['meta'].keys()
        assert all(r['mean'] > 0 for r in read_done['rows'] if not r['metric'].startswith('KID'))

@pytest.mark.parametrize('name', ['table3'])
def test_table3_says_where_it_falls_back(ran, name): assert 'On emoji:smileys and emoji:portraits' in (ran('table3')/'table3.ipynb').read_text()

def check_numbers(told):
    "The last row of each cell, from its model and image set, can be computed again from the samples that are stored."
    from selfrefine.data.images import part
    from selfrefine.experiments.presets import settings
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import sampling_prompts, cached_features, image_set, load_samples
    from selfrefine.experiments.metrics import agreement_scores, caption_judge
    from selfrefine.evaluation.features import encoder
    from selfrefine.evaluation.distances import frechet
    enc = encoder('auto')
    cells = [read_done['meta'], *read_done['meta']['cells']]
    assert {(r['model'], r['data']) for r in read_done['rows']} == {(c['settings']['model'], c['data']) for c in cells}
    for c in cells:
        p = settings(**c['settings'])
        rows = [r for r in read_done['rows'] if (r['model'], r['data']) == (p.model, c['data'])]
        seed, values, images = p.seeds[0], {r['metric']: r['mean'] for r in rows if r['arm'] == rows[-1]['arm']}, image_set(p.model, p.source, p.side)
        drawn = lambda kind: load_samples(cache_root()/c[kind][f'{rows[-1]["arm"]}/{seed}'], p.side)
        assert len(drawn('samples')) == c['n_generated'] == p.n
        assert frechet(enc.features(drawn('samples')), cached_features(part(images, 'train'), enc)) == pytest.approx(values[f'{enc.name} to train'], rel=1e-6)
        if p.model != 'text': continue
        for name, right in agreement_scores(drawn('held_out'), sampling_prompts(p, images, p.n, 'test')['prompts'], images.captions, caption_judge(images), seed).items():
            assert sum(right)/len(right) == pytest.approx(values[name], rel=1e-6)

@pytest.mark.parametrize('name', with_arms)
def test_number_from_stored_samples(ran, name): check_numbers(json.loads((ran(name)/f'{name}.json').read_text()))

@pytest.mark.parametrize('name', with_arms)
def test_maps_move_and_arms_differ(ran, name):
    from selfrefine.experiments.cache import cache_root, read_done
    from selfrefine.experiments.pipeline import load_maps
    from selfrefine.diffusion.models import load_model
    from selfrefine.diffusion.models import weights_digest
    ran(name)
    arms = {f: load_maps(f) for f in cache_root().glob('arm-*')}
    fixed = {f for f, m in arms.items() if m and read_done(f)['what']['arm'].get('guide') in ('center', 'inverted', 'edge')}
    moved = lambda maps: [(a - b).abs().max() > 0 for a, b in zip(maps, maps[1:])]
    refined = [moved(list(m.values())) for f, m in arms.items() if m and f not in fixed]
    assert refined and all(map(all, refined)) and not any(any(moved(list(arms[f].values()))) for f in fixed)
    digests = [weights_digest(load_model(f/'model').net) for f in arms]
    assert len(set(digests)) == len(digests)

@pytest.mark.parametrize('name', ['table6'])
def test_scores_from_stored_samples(ran, name):
    "Table 6 can be computed again: the fakes are stored, and a fresh machine is told which sets it does not have."
    from selfrefine.data.images import part
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import image_set, load_samples
    from selfrefine.method.highlighter import background_only, reencode_jpeg, shipped_highlighter
    from selfrefine.data.images import evenly_spaced
    read_done = json.loads((ran('table6')/'table6.json').read_text())
    assert [m['method'] for m in read_done['meta']['sets']] == ['Emoji'] and {'Oxford 102 Flower, 32 px', 'LSUN-Churches, 32 px'} <= read_done['meta']['skipped'].keys()
    assert 'Left out: LSUN-Churches, 32 px' in (ran('table6')/'table6.ipynb').read_text()
    h, x = shipped_highlighter(), part(image_set('ddpm', 'emoji', 32), 'test').x
    real, fake = x[evenly_spaced(torch.arange(len(x)), read_done['meta']['n_real'])], load_samples(cache_root()/read_done['meta']['sets'][0]['samples'], 32)
    assert len(fake) == len(real) == read_done['meta']['n_generated']
    values, again = {r['metric']: r['mean'] for r in read_done['rows']}, h.evaluate(fake, real)
    again = {'accuracy': again['accuracy'], 'F1': again['f1'], 'ROC AUC': again['auc'], 'ROC AUC, background alone': h.evaluate(background_only(fake), background_only(real))['auc'],
             'ROC AUC, re-encoded': h.evaluate(reencode_jpeg(real), real)['auc'], 'ROC AUC, both re-encoded at 75': h.evaluate(reencode_jpeg(fake, 75), reencode_jpeg(real, 75))['auc']}
    assert {k: values[k] for k in again} == pytest.approx(again)
    assert all(r['low'] <= r['mean'] <= r['high'] for r in read_done['rows'])

@pytest.mark.parametrize('name', ['table7'])
def test_flaws_from_stored_samples(ran, name):
    "Table 7's regional rows: every arm is judged in the same area, by the judge that is stored."
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import load_samples
    from selfrefine.method.local_highlighter import LocalHighlighter
    from selfrefine.method.local_highlighter import flaw_probabilities
    read_done = json.loads((ran('table7')/'table7.json').read_text())
    caption_judge = LocalHighlighter.load(cache_root()/read_done['meta']['regions'][0]['judge']/'highlighter.safetensors')
    rows = {(r['arm'], r['metric']): r for r in read_done['rows']}
    assert {a for a, _ in rows} == {'base', 'center', 'inverted', 'edge', 'both', 'constant', 'shuffled', 'random'}
    for a in ('base', 'random'):
        flaws = flaw_probabilities(caption_judge, load_samples(cache_root()/read_done['meta']['samples'][f'{a}/0'], 32)).double()
        inside, outside = (rows[a, f'flaws {where}, %']['mean'] for where in ('inside', 'outside'))
        assert .25*inside + .75*outside == pytest.approx(100*float(flaws.mean()), rel=1e-6)
        assert (rows[a, 'share inside, %']['against_baseline'] is None) == (a == 'base')

@pytest.mark.parametrize('name', ['table5'])
def test_fills_from_stored_images(ran, name):
    "Table 5 can be computed again from the restored images that are stored, and Figure 7 shows these."
    from selfrefine.experiments.cache import cache_root
    from selfrefine.experiments.pipeline import image_set, load_samples
    from selfrefine.experiments.inpainting import inpainting_task
    read_done, shown = (json.loads((ran(name)/f'{name}.json').read_text()) for name in ('table5', 'fig7'))
    about, rows = read_done['meta']['restoration'], {(r['arm'], r['metric']): r for r in read_done['rows']}
    t = inpainting_task(image_set('improved', 'emoji', 32), tuple(about['missing']), about['n_images'], about['schedule'])
    assert set(about['links']) == {f'{m}/{a}/0' for m in ('wide', 'narrow', 'lines') for a in ('base', 'both')} and shown['meta']['restoration']['links'] == about['links']
    for key, folder in about['links'].items():
        mask, a, _ = key.split('/')
        x = torch.where(t.holes[mask].bool(), load_samples(cache_root()/folder, 32), t.truth).double()
        error = (x - t.truth).square().mean((1, 2, 3)).clamp(min=1/t.truth[0].numel())
        row = rows[a, f'{mask} PSNR']
        assert row['mean'] == pytest.approx((10*(255**2/error).log10()).mean().item(), rel=1e-6) and row['paper'] > 20
        assert row['against_baseline'] is None if a == 'base' else (row['against_baseline']['n'], row['against_baseline']['over']) == (len(x), 'images')
    assert not any(metric.startswith(('wide F', 'narrow F', 'lines F')) for _, metric in rows) and 'No Fréchet distance' in read_done['meta']['caution']
    assert [w['n'] < len(t.truth) for w in read_done['meta']['walks']] == [True, True] and read_done['meta']['walks'][1]['against']['PSNR']['low'] is not None

@pytest.fixture
def excerpts(tmp_path, monkeypatch):
    "A few images of each real set, packed as the whole set is, where `SELFREFINE_DATA` points."
    missing = [f for f in ('flowers64.zip', 'church64.zip') if not (photographs/f).exists()]
    if missing: pytest.skip(f'no {" and ".join(missing)} in {photographs}')
    for name in ('flowers64.zip', 'church64.zip'):
        with zipfile.ZipFile(photographs/name) as whole, zipfile.ZipFile(tmp_path/name, 'w') as few:
            pictures = [n for n in whole.namelist() if n.endswith('.jpg')]
            for n in pictures[::len(pictures)//150]: few.writestr(n, whole.read(n))
    monkeypatch.setenv('SELFREFINE_DATA', str(tmp_path))
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    return tmp_path

def test_real_image_sets(excerpts, tmp_path):
    "Table 3 trains on flowers and churches where there are any, and says so."
    papermill('table3', tmp_path, excerpts)
    read_done = json.loads((tmp_path/'table3.json').read_text())
    assert [c['data'] for c in (read_done['meta'], *read_done['meta']['cells'])] == ['flowers64', 'church64']
    assert 'On flowers64 and church64' in (tmp_path/'table3.ipynb').read_text()
    check_numbers(read_done)

def test_captioned_photographs(tmp_path, monkeypatch):
    "Table 4 fine-tunes somebody's Stable Diffusion on captioned photographs, and its text model stays as it was."
    from selfrefine.data.sets import load_images
    from selfrefine.experiments.cache import cache_root
    from selfrefine.diffusion.models import new_model
    from selfrefine.diffusion.models import load_model, save_model
    from selfrefine.diffusion.models import weights_digest
    if not (photographs/'coco128.zip').exists(): pytest.skip(f'no coco128.zip in {photographs}')
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    monkeypatch.setenv('SELFREFINE_DATA', str(photographs))
    given = save_model(new_model('text', 16, captions=load_images('coco128', 16).captions), tmp_path/'model')
    papermill('table4', tmp_path, photographs, base=given, source='coco128', side=16)
    read_done = json.loads((tmp_path/'table4.json').read_text())
    assert [read_done['meta'][k] for k in ('data', 'n_real', 'n_test')] == ['coco128', 43, 51]
    check_numbers(read_done)
    nets = [load_model(f).net for f in (given, *sorted(cache_root().glob('arm-*/model')))]
    assert [len({weights_digest(part(n)) for n in nets}) for part in (lambda n: n.text, lambda n: n.unet)] == [1, 3]
