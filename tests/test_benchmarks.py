"The benchmarks are run by hand; here only that they can be, and that they compare like with like."
import json, subprocess, sys
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
def bench(*args): return subprocess.run([sys.executable, '-m', 'benchmarks', *args], cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)

def test_rows_and_targets():
    from benchmarks import rows
    from benchmarks.timing import ROWS
    targets = dict(train_vs_diffusers=1.7, train_compiled_vs_diffusers=2., train_vs_lucidrains=2.8, train_compiled_vs_lucidrains=3.3, sampling_vs_diffusers=2.2, gradcam64_vs_grad_cam=2.5,
                   gradcam128_vs_grad_cam=3., frechet_vs_sqrtm=9., uvit_vs_float32=2.2, refinement_over_base_c100=1.05, refinement_over_base_c10=1.1)
    assert {n: ROWS[n]['target'] for n in targets} == targets

def test_a_row_is_written(tmp_path):
    run = bench('import_vs_diffusers', '--rounds', '1', '--out', str(tmp_path))
    assert run.returncode == 0, run.stderr
    told = json.loads((tmp_path/'benchmarks.json').read_text())
    row, = told['rows']
    assert {'name', 'work', 'peer', 'ratio', 'target', 'device', 'rounds', 'ours_median_s', 'peer_median_s'} <= row.keys() and 'torch' in told['meta']['versions']
    assert row['ratio'] == pytest.approx(row['peer_median_s']/row['ours_median_s']) and (tmp_path/'benchmarks.png').stat().st_size

def test_another_machine_is_not_mixed_in(tmp_path):
    file = tmp_path/'benchmarks.json'
    file.write_text(json.dumps(told := dict(meta=dict(processor='another'), rows=[])))
    run = bench('import_vs_diffusers', '--out', str(tmp_path))
    assert run.returncode == 2 and 'measured on another machine' in run.stderr and json.loads(file.read_text()) == told

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
    assert training.apart(training.diffusers_loss) < 1e-6 < training.apart(lambda net, x, noise, t: training.diffusers_loss(net, x, noise, t - 1 + 2*(t < 1)))

def test_lucidrains_learns_the_same():
    pytest.importorskip('denoising_diffusion_pytorch', reason="denoising-diffusion-pytorch is not installed: pip install -e '.[lucidrains]'")
    from benchmarks import training
    assert training.apart(training.lucidrains_loss) < 1e-6

def test_phases_take_turns():
    from benchmarks.rows import ROWS
    from benchmarks.turns import ROUND, Turns
    assert ROWS['refinement_over_base_c10']['make']().difference() < 1e-6
    for cycle in (10, 100):
        t = Turns(1, 0, cycle)
        refined = [s for s in range(4*ROUND) if t.phase(s) == 'refinement']
        assert len(refined) == 2*ROUND and [t.due(s) for s in refined] == [refined[k - k % cycle] for k in range(2*ROUND)]

def test_quick_reads_a_trace():
    from benchmarks.quick import blocks, steps
    assert len([b for b in blocks((root/'README.md').read_text()) if 'papermill' in b or 'nbdev_test' in b]) >= 2
    assert steps('= 2.4 s: . block\n== 2.5 s: pip install x\n=== 3 s: inner\nnoise\n== 7.0 s: pytest\n', 10.) == [dict(command='pip install x', seconds=4.5), dict(command='pytest', seconds=3.)]

def test_presets_cost():
    from benchmarks.presets import count
    from selfrefine.experiments.presets import ROWS
    costs = {p.model: count(p) for p in ROWS['paper']}
    for p in ROWS['paper']:
        c = costs[p.model]
        assert c['step'] == 3*p.batch*c['forward'] and c['map'] > p.n_map*p.map_steps*c['forward'] and c['map'] - c['short'] == pytest.approx(p.n_map*(p.map_steps - 10)*c['forward']*(1 + (p.guidance != 1)))
