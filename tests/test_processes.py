"Two processes see what one sees: the same maps, the same losses, the same weights."
import hashlib, io, json, sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from unittest.mock import patch
import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from diffusers import DDPMScheduler
from selfrefine import Ema, Phases, Recipe, SelfRefiner, ddpm, ema_sampler, encoder, sample, train
from selfrefine.data.randomness import generator
from selfrefine.data.images import batches
from selfrefine.method.forward_noise import Readings
from selfrefine.diffusion import sampling
from selfrefine.diffusion.models import load_model
from selfrefine.diffusion.sampling import write_png
from selfrefine.diffusion.run_folder import run_folder
from selfrefine.commands.cli import app
from small import environment, fitted, highlighter, portraits, python, same, static

pytestmark = pytest.mark.usefixtures('cpu')
PHASES = Phases(total=6, base=2, cycle=2)
def ours(projection, base=PHASES.base):
    "`train` through both phases."
    model, images, maps = ddpm(16), portraits(), {}
    ema = Ema(model, .5)
    def watch(step, images, m): maps[step] = m
    how = dict(readings=Readings(projection=projection), n_map=8, watch=watch)
    refiner = SelfRefiner(model.net, fitted(images), ema_sampler(ema, 2), Phases(6, base, 2), .1, .5, **how)
    losses = train(model, images, PHASES.total, Recipe(batch=8, lr=1e-4, warmup=1), ema, refiner, progress=False)
    projection = [p.detach() for p in refiner.parameters()]
    networks = dict(net=model.net.state_dict(), ema=ema.model.net.state_dict(), projection=projection)
    return networks | dict(maps=maps, losses=losses)

def theirs(wrapped=False):
    "Anyone's loop, in which every process draws other images for its map."
    acc, images, maps = Accelerator(), portraits(), {}
    net, scheduler = ddpm(16).net, DDPMScheduler()
    prepared, optimizer = acc.prepare(net, torch.optim.SGD(net.parameters(), .1))
    explains = highlighter(images)
    def sample_ema(n, generator): return static(n, acc.process_index)
    def watch(step, images, m): maps[step] = m
    how = dict(n_map=8, n_fake=48, watch=watch)
    refiner = SelfRefiner(prepared if wrapped else net, explains, sample_ema, PHASES, .1, .5, **how)
    rows = slice(acc.process_index*8//acc.num_processes, (acc.process_index + 1)*8//acc.num_processes)
    for step, (x0, _) in zip(range(PHASES.total), batches(images, 8, rank=acc.process_index, world=acc.num_processes)):
        noise = torch.randn(8, 3, 16, 16, generator=generator(0, 'noise', step))[rows]
        t = torch.randint(1000, (8,), generator=generator(0, 't', step))[rows]
        refiner.at(step)
        noise, target = refiner.enhance(noise)
        acc.backward(F.mse_loss(prepared(scheduler.add_noise(x0, noise, t), t).sample, target))
        optimizer.step(); optimizer.zero_grad()
    return dict(net=net.state_dict(), maps=maps, highlighter=explains.state_dict())

def held():
    "One launch in one folder: its first process locks it, for both; where the folder is taken, both are refused."
    acc, images, folder = Accelerator(), portraits(), Path(sys.argv[1])/'held'
    def run():
        model = ddpm(16)
        return train(model, images, 2, Recipe(batch=8, lr=1e-4), Ema(model), folder=folder, progress=False)
    losses = run()
    with run_folder(acc, folder):
        try: run()
        except RuntimeError as e: return dict(losses=losses, refused=str(e))

def files(folder): return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()}

def shared(folder=None):
    "Images through a folder, and their features: each process makes some."
    folder, made = Path(folder or sys.argv[1])/'shared', []
    def count(image, path): made.append(path.name), write_png(image, path)
    with patch.object(sampling, 'write_png', count):
        x = sample(ddpm(16), 7, steps=2, batch=2, folder=folder, shared=True)
    return dict(images=x, features=encoder('squeezenet', shared=True).features(x, 3), made=made, files=files(folder))

FEW = dict(width=16, batch=8, warmup=2, bf16=False, base=4, further=4, cycle=2, n_map=4, map_steps=2, n_fake=20,
           epochs=1, highlighter_width=1/16, n=8, sampler_steps=2, moments=1, n_curve=4, ema=.9)

CASES = dict(resize=partial(ours, 'resize'), conv=partial(ours, 'conv'), conv_only=partial(ours, 'conv', base=0),
             held=held, loop=theirs, prepared=partial(theirs, wrapped=True),
             shared=shared)

def attempt(case):
    try: return CASES[case]()
    except Exception as e: return dict(error=f'{type(e).__name__}: {e}')

@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    "Every case, as each of two processes ended it: `ranks(case) -> (of process 0, of process 1)`."
    folder = tmp_path_factory.mktemp('ranks')
    python('-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', 2, __file__, folder, timeout=300)
    def get(case):
        both = [torch.load(folder/f'{case}-{r}.pt', weights_only=True) for r in (0, 1)]
        for b in both: assert 'error' not in b, b['error']
        return both
    return get

def agree(case, *keys):
    for key in keys: assert same(case[0][key], case[1][key]), f'{key} differs between the processes'

def learned(state):
    "Without the bias of keys, which softmax cancels: its gradient is rounding noise."
    return {k: v for k, v in state.items() if 'to_k.bias' not in k}

@pytest.mark.parametrize('case', ['resize', 'conv_only', 'conv'])
def test_our_training(ranks, case):
    two, one = ranks(case), CASES[case]()
    agree(two, 'net', 'ema', 'maps', 'projection')
    assert list(one['maps']) == list(two[0]['maps']) == ([0, 2, 4] if case == 'conv_only' else [2, 4])
    for step, m in one['maps'].items(): torch.testing.assert_close(two[0]['maps'][step], m, atol=.02, rtol=0)
    mean = torch.tensor([r['losses'] for r in two]).mean(0)
    torch.testing.assert_close(mean, torch.tensor(one['losses']), atol=1e-4, rtol=1e-4)
    for key in ('net', 'ema'): torch.testing.assert_close(learned(two[0][key]), learned(one[key]), atol=3e-5, rtol=1e-3)
    torch.testing.assert_close(two[0]['projection'], one['projection'], atol=3e-5, rtol=1e-3)

def test_recorded_loss_is_of_the_whole_batch(ranks):
    two = ranks('resize')
    agree(two, 'losses')
    torch.testing.assert_close(two[0]['losses'], ours('resize')['losses'], atol=1e-4, rtol=1e-4)

def test_one_launch_in_one_folder(ranks):
    two = ranks('held')
    agree(two, 'losses')
    for r in two: assert len(r['losses']) == 2 and 'is training in' in r['refused']

def test_any_loop(ranks):
    "The refresh is collective: all get the map, and the highlighter, of the first process."
    two, one = ranks('loop'), theirs()
    agree(two, 'net', 'maps', 'highlighter')
    assert list(one['maps']) == [2, 4] and same(one['maps'], two[0]['maps'])
    torch.testing.assert_close(two[0]['net'], one['net'], atol=1e-6, rtol=1e-5)

def test_prepared_network(ranks):
    "Whether the refiner gets the network or what accelerate made of it is the same."
    assert same(ranks('prepared')[0], ranks('loop')[0])

def test_shared_work(ranks, tmp_path):
    "Each process draws some of the batches, and all have all images and features, equal bit for bit to one process's."
    two, one = ranks('shared'), shared(tmp_path)
    keys = 'images', 'features', 'files'
    for r in two: assert same([r[k] for k in keys], [one[k] for k in keys])
    made = [set(r['made']) for r in two]
    assert all(made) and not made[0] & made[1] and made[0] | made[1] == set(one['made'])

LAUNCH = '-m', 'accelerate.commands.launch', '--multi_gpu', '--num_processes', 2, '-m', 'selfrefine'

def launched(processes, *args):
    "What a command printed as JSON: in two processes that accelerate started, or in this one."
    words = *map(str, args), '--json'
    if processes == 2: return json.loads(python(*LAUNCH, *words))
    with redirect_stdout(io.StringIO()) as said: app(list(words), standalone_mode=False)
    return json.loads(said.getvalue())

@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    "The same run by two processes of `accelerate launch`, and by one: folder, and what it printed."
    work, found = tmp_path_factory.mktemp('runs'), {}
    (work/'pictures').mkdir()
    for i, image in enumerate(portraits().x): write_png(image, work/f'pictures/{i}.png')
    sets = [x for k, v in FEW.items() for x in ('--set', f'{k}={v}')]
    for n in (2, 1):
        said = launched(n, 'refine', work/'pictures', '--out', work/f'run{n}', '--side', 16, *sets)
        found[n] = work/f'run{n}', said['rows']
    return found

def test_refine(runs):
    "A run of two processes is that of one, rounding apart: weights, scores and files."
    (two, rows), (one, expected) = runs[2], runs[1]
    assert {f.name for f in two.iterdir()} == {f.name for f in one.iterdir()}
    assert [r['metric'] for r in rows] == [r['metric'] for r in expected]
    nets = [load_model(folder/'model').net.state_dict() for folder in (two, one)]
    torch.testing.assert_close(*map(learned, nets), atol=3e-5, rtol=1e-3)
    values = [torch.tensor([r['value'] for r in found]) for found in (rows, expected)]
    torch.testing.assert_close(*values, atol=1, rtol=.01)

def test_sample_and_evaluate(runs, tmp_path):
    "The same files bit for bit, and the same scores, printed by the first process alone."
    drawn, scores = {}, {}
    for n in (2, 1):
        launched(n, 'sample', runs[2][0], '-n', 12, '--steps', 2, '--batch', 5, '--out', tmp_path/f'{n}')
        drawn[n] = files(tmp_path/f'{n}')
        told = launched(n, 'evaluate', tmp_path/f'{n}', '--real', 'emoji', '--side', 16, '--resamples', 20)
        scores[n] = [r | dict(samples=None) for r in told['rows']]
    assert len(drawn[1]) == 13 and drawn[2] == drawn[1] and scores[2] == scores[1]

LAUNCHED = """
import sys
import torch
from selfrefine import Ema, Recipe, ddpm, train
from small import portraits

model, dtypes = ddpm(16), []
model.net.conv_in.register_forward_hook(lambda m, args, y: dtypes.append(y.dtype))
train(model, portraits(), 1, Recipe(batch=2), Ema(model), folder=sys.argv[1], progress=False)
assert dtypes == [torch.bfloat16], dtypes
"""

def test_launched_precision(tmp_path):
    "`accelerate launch --mixed_precision bf16` is honoured, and the checkpoint says so."
    (tmp_path/'run.py').write_text(LAUNCHED)
    launch = '-m', 'accelerate.commands.launch', '--cpu', '--mixed_precision', 'bf16', '--num_processes', 1
    python(*launch, tmp_path/'run.py', tmp_path/'run', env=environment | dict(PYTHONPATH=str(Path(__file__).parent)))
    assert torch.load(tmp_path/'run/state.pt', weights_only=True)['run']['autocast'] == 'bf16'

if __name__ == '__main__':
    for case in CASES: torch.save(attempt(case), Path(sys.argv[1])/f'{case}-{Accelerator().process_index}.pt')
