"Every report notebook runs from top to bottom at smoke scale, writes its files, and prints a number that its stored samples give again."
import json, os, subprocess, sys
from pathlib import Path
import papermill as pm, pytest, yaml

root = Path(__file__).parent.parent
where = dict(base_ddpm='model', base_highlighter='highlighter.safetensors')  # what these two make
smoke = yaml.safe_load((root/'tests/smoke.yaml').read_text())
reports = sorted(p.stem for p in (root/'nbs').glob('*.ipynb') if p.stem.startswith(('table', 'fig', 'base_')))

@pytest.fixture(scope='module')
def ran(tmp_path_factory):
    "Runs a report once, as the README does: papermill with both paths, and nobody at the keyboard."
    out, done = tmp_path_factory.mktemp('reports'), {}
    def run(name):
        if name in done: return out
        params = smoke[name] | dict(out=str(out/where.get(name, '')))
        assert params.keys() <= pm.inspect_notebook(str(root/f'nbs/{name}.ipynb')).keys(), 'a parameter the notebook does not have'
        args = [a for k, v in params.items() for a in ('-p', k, str(v))]
        command = [sys.executable, '-m', 'papermill', f'nbs/{name}.ipynb', str(out/f'{name}.ipynb'), '--no-progress-bar', *args]
        p = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        assert p.returncode == 0, p.stderr[-3000:]
        done[name] = True
        return out
    return run

def test_every_report_has_smoke_parameters(): assert set(smoke) == set(reports)

@pytest.mark.parametrize('name', reports)
def test_runs(ran, name):
    out = ran(name)
    wanted = [out/where[name]] if name in where else [out/f'{name}.json', out/f'{name}.png']
    for f in wanted: assert f.exists()
    if name.startswith('table'):
        for suffix in ('.csv', '-maps.png', '-loss.png'): assert (out/f'{name}{suffix}').stat().st_size
        told = json.loads((out/f'{name}.json').read_text())
        assert {'preset', 'data', 'n_real', 'n_generated', 'encoder', 'sampler', 'seeds', 'steps', 'seconds', 'device', 'versions', 'caution'} <= told['meta'].keys()
        assert all(r['mean'] > 0 for r in told['rows'] if not r['metric'].startswith('KID'))

@pytest.mark.parametrize('name', [r for r in reports if r.startswith('table')])
def test_number_from_stored_samples(ran, name):
    from selfrefine.data import emoji, part
    from selfrefine.experiments import cache_root, sampled
    from selfrefine.metrics import encoder, frechet
    told = json.loads((ran(name)/f'{name}.json').read_text())
    row, enc = told['rows'][-3], encoder('squeezenet')
    assert row['metric'] == 'FD-SqueezeNet to train'
    images = sampled(cache_root()/told['meta']['samples'][f'{row["arm"]}/0'], 32)
    assert len(images) == told['meta']['n_generated']
    assert frechet(enc.features(images), enc.features(part(emoji(), 'train').x)) == pytest.approx(row['mean'], rel=1e-6)

@pytest.mark.parametrize('name', [r for r in reports if r.startswith('table')])
def test_maps_move_and_arms_differ(ran, name):
    from selfrefine.experiments import cache_root, kept_maps
    from selfrefine.models import load_model
    from selfrefine.sampling import weights_digest
    ran(name)
    arms = {f: kept_maps(f) for f in cache_root().glob('arm-*')}
    refined = [list(m.values()) for m in arms.values() if m]
    assert refined and all((a - b).abs().max() > 0 for maps in refined for a, b in zip(maps, maps[1:]))
    digests = [weights_digest(load_model(f/'model').net) for f in arms]
    assert len(set(digests)) == len(digests)
