"The benchmarks are run by hand; here only that they can be, and that they compare like with like."
import json, subprocess, sys
from pathlib import Path
import pytest

root = Path(__file__).parent.parent

def bench(*args):
    command = [sys.executable, '-m', 'benchmarks', *map(str, args)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)

def test_rows_and_targets():
    from benchmarks import rows
    from benchmarks.timing import ROWS
    targets = dict(train_vs_diffusers=1.7, train_compiled_vs_diffusers=2., train_vs_lucidrains=2.8,
                   train_compiled_vs_lucidrains=3.3, sampling_vs_diffusers=2.2, gradcam64_vs_grad_cam=2.5,
                   gradcam128_vs_grad_cam=3., frechet_vs_sqrtm=9., uvit_vs_float32=2.2,
                   refinement_over_base_c100=1.05, refinement_over_base_c10=1.1)
    assert {n: ROWS[n]['target'] for n in targets} == targets

def test_a_row_is_written(tmp_path):
    run = bench('import_vs_diffusers', '--rounds', 1, '--out', tmp_path)
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path/'benchmarks.json').read_text())
    row, = found['rows']
    wanted = {'name', 'work', 'peer', 'ratio', 'target', 'device', 'rounds', 'ours_median_s', 'peer_median_s'}
    assert wanted <= row.keys() and 'torch' in found['meta']['versions']
    assert row['ratio'] == pytest.approx(row['peer_median_s']/row['ours_median_s'])
    assert (tmp_path/'benchmarks.png').stat().st_size

def test_another_machine_is_not_mixed_in(tmp_path):
    file, found = tmp_path/'benchmarks.json', dict(meta=dict(processor='another'), rows=[])
    file.write_text(json.dumps(found))
    run = bench('import_vs_diffusers', '--out', tmp_path)
    assert run.returncode == 2 and 'measured on another machine' in run.stderr
    assert json.loads(file.read_text()) == found

def test_unknown_row():
    run = bench('nothing')
    assert run.returncode == 2 and 'there is no row nothing' in run.stderr

def test_in_turn():
    from benchmarks.timing import in_turn
    calls = []
    times = in_turn(lambda: calls.append('a') or 1., lambda: calls.append('b') or 2., 3)
    assert (''.join(calls), times) == ('abab' + 'ba' + 'ab', ([1.]*3, [2.]*3))

def test_peers_learn_the_same():
    from benchmarks import training
    def other_times(net, x, noise, t): return training.diffusers_loss(net, x, noise, t - 1 + 2*(t < 1))
    assert training.loss_difference(training.diffusers_loss) < 1e-6 < training.loss_difference(other_times)

def test_lucidrains_learns_the_same():
    reason = "denoising-diffusion-pytorch is not installed: pip install -e '.[lucidrains]'"
    pytest.importorskip('denoising_diffusion_pytorch', reason=reason)
    from benchmarks import training
    assert training.loss_difference(training.lucidrains_loss) < 1e-6

@pytest.mark.parametrize('cycle', [10, 100])
def test_phases_take_turns(cycle):
    from benchmarks.turns import ROUND, Turns
    turns = Turns(1, 0, cycle)
    refined = [s for s in range(4*ROUND) if turns.phase(s) == 'refinement']
    assert len(refined) == 2*ROUND
    assert [turns.due(s) for s in refined] == [refined[k - k % cycle] for k in range(2*ROUND)]

@pytest.mark.parametrize('name', ['refinement_over_base_c10', 'sampling_vs_diffusers', 'repaint_vs_diffusers'])
def test_sides_give_the_same(name):
    from benchmarks.rows import ROWS
    sides = ROWS[name]['make']()
    assert sides.difference() <= sides.tolerance

def test_changes_leave_something_out(monkeypatch):
    from benchmarks import changes
    from selfrefine.diffusion import cpu, training
    names = (training, 'keep_memory'), (cpu, '_one_layout'), (cpu, '_half_scores'), (training, 'explicit_attention')
    for change in (changes.memory_given_back, changes.layouts_mixed, changes.softmax_in_float32,
                   changes.stock_attention):
        before = [getattr(*n) for n in names]
        with monkeypatch.context() as m:
            for n in names: m.setattr(*n, getattr(*n))
            change()
            assert sum(a is not getattr(*n) for a, n in zip(before, names)) == 1
        assert before == [getattr(*n) for n in names]

def test_quick_reads_a_trace():
    from benchmarks.quick import blocks, steps
    assert len([b for b in blocks((root/'README.md').read_text()) if 'papermill' in b or 'nbdev_test' in b]) >= 2
    trace = '= 2.4 s: . block\n== 2.5 s: pip install x\n=== 3 s: inner\nnoise\n== 7.0 s: pytest\n'
    assert steps(trace, 10.) == [dict(command='pip install x', seconds=4.5), dict(command='pytest', seconds=3.)]

def test_page_shows_what_was_measured():
    from benchmarks import page
    found = json.loads((root/'reports/benchmarks.json').read_text())
    rows = page.table(found['rows'])
    assert list(rows.index) == [r['name'] for r in found['rows']] and len(page.bars(found['rows']).axes) >= len(rows)
    for show in (page.limits, page.changes, page.presets, page.quick, page.maps, page.losses, page.growth):
        assert 'Not measured' in show({}) and 'Not measured' not in str(show(found))

def test_presets_cost():
    from benchmarks.presets import MODELS, count
    from selfrefine.experiments.presets import settings
    assert {'ddpm', 'improved', 'uvit', 'ldm', 'text'} <= set(MODELS)
    for p in (settings('paper', model) for model in MODELS):
        c, guided = count(p), 1 + (p.guidance != 1)
        assert c['step'] == 3*p.batch*c['forward'] and c['map'] > p.n_map*p.map_steps*c['forward']
        assert c['map'] - c['short'] == pytest.approx(p.n_map*(p.map_steps - 10)*c['forward']*guided)
