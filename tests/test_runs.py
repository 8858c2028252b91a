"Controls are run from one command that may be killed at any moment; every printed number comes from the runs' files."
import html, json, re, signal, subprocess, sys, time
from pathlib import Path
import numpy as np, pytest
from small import environment

root = Path(__file__).parent.parent
committed, page = root/'reports/runs', root/'reports/controls.ipynb'
PROMISED = {'key', 'run', 'calls', 'scores', 'n', 'seconds', 'commit', 'date', 'processor', 'device', 'threads',
            'versions'}
SMALL = ['--only', 'A', '--preset', 'smoke', '--source', 'emoji:smileys', '--n', '16', '--steps', '2']

def start(out, cache):
    "The command in a process of its own, on a cache that later calls share."
    command = [sys.executable, '-m', 'selfrefine.experiments.controls', *SMALL, '--out', str(out)]
    return subprocess.Popen(command, env=environment | dict(SELFREFINE_CACHE=str(cache)), cwd=root, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

def finished(out): return sorted(out.glob('[!.]*.json'))

def end_after(process, out, n, how, seconds=1200):
    "Send a signal when there are n files; what the process said on stderr."
    limit = time.monotonic() + seconds
    while len(finished(out)) < n:
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            pytest.fail(process.communicate()[1][-3000:])
        time.sleep(.05)
    process.send_signal(how)
    return process.communicate(timeout=60)[1]

@pytest.fixture(scope='module')
def killed(tmp_path_factory, interrupts):
    "A folder of runs whose process was killed, started again, and stopped by Ctrl-C; what both said, the first files."
    folder = tmp_path_factory.mktemp('killed')
    out, cache = folder/'runs', folder/'cache'
    first = end_after(start(out, cache), out, 5, signal.SIGKILL)
    before = {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in finished(out)}
    process = start(out, cache)
    return out, before, first, end_after(process, out, 6, signal.SIGINT), process.returncode

def test_killed_and_continued(killed):
    "What was finished stays as it is, what is begun again says how far it is, and Ctrl-C ends with a sentence."
    out, before, first, second, code = killed
    assert all((f.read_bytes(), f.stat().st_mtime_ns) == kept for f, kept in before.items())
    keys = [f.stem.removeprefix('A-emoji_smileys-') for f in finished(out)]
    assert {'real-b0', 'real-b1', 'real-b2', 'ddpm-start-ddim10-b0', 'ddpm-base-ddim10-b0'} <= set(keys)
    begun = [re.findall(r'^\[\d+/\d+\] (\S+): about', said, re.M) for said in (first, second)]
    assert begun[0][0].endswith('real-b0') and not set(begun[1]) & {f.stem for f in before}
    assert code and 'controls: stopped; the same command continues' in second and 'Traceback' not in second

def test_files_hold_what_is_promised(killed):
    for f in finished(killed[0]):
        record = json.loads(f.read_text())
        assert PROMISED <= record.keys() and record['key'] == f.stem and f.stat().st_size < 6000
        assert {'arm', 'seed', 'block', 'factor', 'p'} <= record['run'].keys() and record['seconds'] > 0
        trained = record['run']['arm'] not in ('real', 'start')
        assert ('train_seconds' in record) == trained and (not trained or record['steps'] == 2)
        for s in record['scores'].values(): assert s['without'] is None or len(s['without']) == 8

def test_other_settings_are_refused(killed):
    from selfrefine.experiments.controls import run_controls
    with pytest.raises(SystemExit, match='made with another n'):
        run_controls([*SMALL, '--n', '24', '--out', str(killed[0])])

def difference(a, b):
    "Mean and standard error of the difference of two scores in one block, by hand."
    d = np.subtract(a['without'], b['without'])
    return a['value'] - b['value'], (7/8*((d - d.mean())**2).sum())**.5

def blocks_of(runs, arm, row):
    "An arm's scores with factor 1 by block, for the model, sampler and score of a row."
    def names(run): return run['experiment'], run['arm'], run['factor'], run['p']['model'], sampler(run['p'])
    def sampler(p): return f'{p["sampler"]}-{p["sampler_steps"]}'
    wanted = 'A', arm, 1, row['model'], row['sampler']
    same = [r for r in runs.values() if names(r['run']) == wanted]
    return {r['run']['block']: r['scores'][row['score']] for r in same}

def check_rows(runs, rows):
    "Naive scores and their differences to `base`, from the files alone."
    for row in [r for r in rows if r['table'] == 'arms' and r['arm'] not in ('real', 'base')]:
        own, base = (blocks_of(runs, arm, row) for arm in (row['arm'], 'base'))
        assert row['mean'] == pytest.approx(np.mean([s['value'] for s in own.values()]))
        pairs = [difference(own[b], base[b]) for b in own.keys() & base.keys()]
        if not pairs: continue
        assert row['against_base']['mean'] == pytest.approx(np.mean([p[0] for p in pairs]))
        assert row['against_base']['std'] == pytest.approx(sum(p[1]**2 for p in pairs)**.5/len(pairs), abs=1e-9)

def test_report_of_a_partial_list(killed, tmp_path):
    "The page's numbers from the files of the few runs that there are."
    from selfrefine.experiments.controls import controls_report
    from selfrefine.experiments.runs import load_runs
    report, picture = controls_report(str(killed[0]), str(tmp_path))
    assert picture.path.stat().st_size and json.loads((tmp_path/'controls.json').read_text())['meta']['runs']
    arms = [r['arm'] for r in report.rows if r['table'] == 'arms']
    assert arms[:3] == ['real', 'start', 'base']
    check_rows(load_runs(killed[0]), report.rows)

def tables(path):
    "The cells of all tables that an executed notebook shows."
    cells = json.loads(path.read_text())['cells']
    outputs = [o.get('data', {}).get('text/html', '') for c in cells for o in c.get('outputs', ())]
    return [re.findall(r'<td>(.*?)</td>', html.unescape(''.join(o))) for o in outputs if '<table' in ''.join(o)]

@pytest.mark.skipif(not page.exists(), reason='no executed copy yet')
def test_printed_numbers_come_from_the_runs():
    "The committed page, its numbers and the files of the runs say the same; runs that are newer do not count."
    from selfrefine.experiments.controls import control_rows, control_table
    from selfrefine.experiments.runs import load_runs
    stored, found = json.loads((root/'reports/controls.json').read_text()), load_runs(committed)
    assert set(stored['meta']['runs']) <= found.keys()
    runs = {key: found[key] for key in stored['meta']['runs']}
    rows = json.loads(json.dumps(control_rows(runs)))
    assert stored['rows'] == rows
    check_rows(runs, rows)
    shown = tables(page)
    for name in {row['table'] for row in rows}:
        score = 'KID held-out' if any('score' in row for row in rows if row['table'] == name) else ''
        cells = control_table(rows, name, score).to_numpy().ravel().tolist()
        assert not cells or cells in shown, name

@pytest.mark.skipif(not (root/'reports/claims.json').exists(), reason='no executed copy yet')
def test_verdicts_come_from_the_runs():
    "Every number and verdict of the committed page of claims, from the files of runs and reports."
    from selfrefine.experiments.claims import Evidence, claim_rows
    from selfrefine.experiments.runs import load_runs
    stored, found = json.loads((root/'reports/claims.json').read_text()), load_runs(committed)
    runs = {key: found[key] for key in stored['meta']['runs']}
    assert stored['rows'] == json.loads(json.dumps(claim_rows(Evidence(runs, root/'reports'))))

@pytest.mark.skipif(not committed.exists(), reason='no runs yet')
def test_committed_runs_are_small():
    files = finished(committed)
    assert all(PROMISED <= json.loads(f.read_text()).keys() for f in files)
    assert max(f.stat().st_size for f in files) < 6000
