"A sweep in several processes on one store, killed and continued, given up on the way, on SQLite and on PostgreSQL."
import csv, json, os, shutil, signal, subprocess, sys, tempfile, time
from pathlib import Path
import pytest
from small import environment

pytest.importorskip('optuna', reason="Optuna is not installed: pip install -e '.[sweep]'")
pytestmark = pytest.mark.usefixtures('cpu')
GRID = dict(ratio=['1:1', '0:1'], attention_weight=[.025, .1])
SMALL = dict(preset='smoke', prune_at=(.75,), startup=99, heartbeat=1, overrides=dict(steps=4, n=16))

def swept(out, storage='', **more):
    from selfrefine.commands.sweep import sweep
    return sweep('', str(out), storage=str(storage), **dict(SMALL, grid=GRID) | more)

def values(rows): return {(r['ratio'], float(r['attention_weight'])): float(r['value']) for r in rows if r['ratio']}
def worker(out, storage, ready, **env):
    "A worker in a process of its own; it is imported when the file `ready` is there, and begins when `go` is."
    command = [sys.executable, __file__, str(out), str(storage), str(ready)]
    return subprocess.Popen(command, env=environment | os.environ | env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

def wait_for(found, process, seconds=300):
    "Wait until there is something, while a process lives."
    end = time.monotonic() + seconds
    while not found():
        assert process.poll() is None and time.monotonic() < end, process.stderr.read()[-3000:]
        time.sleep(.02)

def start(workers, folder):
    "Let workers begin at once."
    for p, ready in workers: wait_for(ready.exists, p)
    (folder/'go').touch()

def finish(process):
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error[-3000:]

@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "What two processes left on one SQLite file."
    folder = tmp_path_factory.mktemp('shared')
    store = f'sqlite:///{folder/"sweep.db"}'
    workers = [(worker(folder/name, store, folder/f'ready-{name}'), folder/f'ready-{name}') for name in 'ab']
    start(workers, folder)
    for p, _ in workers: finish(p)
    return folder

def test_two_processes_share_one_store(shared):
    "Every setting is tried, both processes worked, and both report the same."
    reports = [json.loads((shared/name/'sweep.json').read_text()) for name in 'ab']
    first, *rows = reports[0]['rows']
    assert first['state'] == 'without maps' and {r['state'] for r in rows} == {'complete'}
    assert len(values(rows)) == 4 and values(rows) == values(reports[1]['rows'])
    assert len({r['worker'] for r in rows}) == 2 and {r['seed'] for r in rows} == {0}
    assert all(r['low'] < r['difference'] < r['high'] and r['base_steps'] + r['steps'] == 4 for r in rows)
    assert reports[0]['meta']['study'] == reports[1]['meta']['study']

def test_files(shared):
    "The table, the pictures and the best setting, which a preset takes."
    from selfrefine.experiments.presets import settings
    report, best = (json.loads((shared/'a'/name).read_text()) for name in ('sweep.json', 'best.json'))
    with open(shared/'a/sweep.csv') as f: assert values(csv.DictReader(f)) == values(report['rows'])
    for name in ('sweep.png', 'sweep-parallel.png', 'sweep-importance.png'): assert (shared/'a'/name).stat().st_size
    setting = best['setting']
    assert values(report['rows'])[setting['ratio'], setting['attention_weight']] == min(values(report['rows']).values())
    assert settings('smoke', overrides=best['overrides']).cycle == setting['cycle'] == 100
    assert abs(sum(report['meta']['importance'].values()) - 1) < .01
    words = '4 of 4 settings', '114 validation images', 'seed 0 for every trial', 'confirmatory run with new seeds'
    assert all(w in best['summary'] for w in words)

def test_killed_and_continued(shared, tmp_path, monkeypatch):
    "A worker is killed in the midst of a trial; the same call goes on from its state, to the same numbers."
    cache, ready, grid = tmp_path/'cache', tmp_path/'ready', dict(GRID, ratio=['0:1'])
    process = worker(tmp_path/'out', json.dumps(grid), ready, SELFREFINE_CACHE=str(cache))
    start([(process, ready)], tmp_path)
    wait_for(lambda: list(cache.glob('setting-*/values.json')), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    state, = cache.glob('setting-*/state.pt')
    monkeypatch.setenv('SELFREFINE_CACHE', str(cache))
    found = swept(tmp_path/'out', grid=grid)
    expected = values(json.loads((shared/'a/sweep.json').read_text())['rows'])
    assert values(found.rows) == {k: v for k, v in expected.items() if k[0] == '0:1'}
    assert len(list(cache.glob('setting-*'))) == 2 and not state.exists()
    assert [t.state.name for t in found.study.trials].count('COMPLETE') >= 2

def test_given_up(shared, tmp_path):
    "Behind the median of the others a trial is given up; nothing is trained again for it."
    from selfrefine.experiments.cache import cache_root
    before = sorted(cache_root().glob('setting-*'))
    found = swept(tmp_path, startup=1)
    states = [r['state'] for r in found.rows[1:]]
    assert set(states) == {'complete', 'given up'} and sorted(cache_root().glob('setting-*')) == before
    lost = [r for r in found.rows if r['state'] == 'given up']
    assert all(r['last_step'] == 3 and r['value'] is None for r in lost) and found.best['state'] == 'complete'
    assert f'{len(lost)} of them given up on the way' in found.summary()

def test_parzen_estimator_continues_where_it_was(shared, tmp_path):
    "Stopped after two trials and continued, it proposes what it would have proposed."
    def proposed(found): return [t.params for t in found.study.trials]
    whole = proposed(swept(tmp_path/'whole', sampler='tpe', trials=4))
    assert proposed(swept(tmp_path/'parts', sampler='tpe', trials=2)) == whole[:2]
    assert proposed(swept(tmp_path/'parts', sampler='tpe', trials=4)) == whole and len(whole) == 4

@pytest.fixture(scope='module')
def postgres():
    "The URL of a database of its own, on a server that a user without rights runs in a temporary folder."
    paths = os.pathsep.join([os.environ['PATH'], *map(str, sorted(Path('/usr/lib/postgresql').glob('*/bin')))])
    initdb, server = (shutil.which(name, path=paths) for name in ('initdb', 'pg_ctl'))
    if not (initdb and server): pytest.skip('no PostgreSQL on this machine; on Debian: apt-get install postgresql')
    pytest.importorskip('psycopg2', reason='psycopg2 is not installed: pip install psycopg2-binary')
    with tempfile.TemporaryDirectory(dir='/tmp', ignore_cleanup_errors=True) as name:
        user = {}
        if os.getuid() == 0:  # which PostgreSQL refuses
            user = dict(user='nobody', group='nogroup', extra_groups=[])
            shutil.chown(name, 'nobody', 'nogroup')
        def run(*command): subprocess.run(command, check=True, cwd=name, stdout=subprocess.DEVNULL, timeout=120, **user)
        run(initdb, '-D', f'{name}/data', '-U', 'sweeper', '-A', 'trust', '--no-sync')
        options = f'-c listen_addresses= -c fsync=off -k {name}'
        run(server, '-D', f'{name}/data', '-o', options, '-l', f'{name}/log', '-w', 'start')
        yield f'postgresql+psycopg2://sweeper:secret@/postgres?host={name}'
        run(server, '-D', f'{name}/data', '-m', 'immediate', 'stop')

def test_postgres(shared, postgres, tmp_path):
    "A server as the store: the same numbers, continued by another call, and no password in what is written."
    found = swept(tmp_path/'a', postgres, trials=3)
    assert len(found.study.trials) == 3
    again = swept(tmp_path/'b', postgres)
    assert values(again.rows) == values(json.loads((shared/'a/sweep.json').read_text())['rows'])
    assert len(again.study.trials) == 4 and found.study.study_name == again.study.study_name
    assert not any('secret' in f.read_text() for f in tmp_path.rglob('*.json')) and not list(tmp_path.rglob('*.db'))

if __name__ == '__main__':
    out, storage, ready = sys.argv[1:]
    from selfrefine.commands.sweep import sweep
    Path(ready).touch()
    while not Path(ready).with_name('go').exists(): time.sleep(.01)
    own = storage.startswith('{')
    swept(out, '' if own else storage, grid=json.loads(storage) if own else GRID)
