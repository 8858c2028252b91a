"What goes wrong in practice: each time the older file is intact, and one sentence says what to do."
import json, os, re, resource, shutil, signal, subprocess, sys, threading, time, zipfile
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
import pytest
import torch
from selfrefine import Ema, FlawHighlighter, Phases, Recipe, SelfRefiner, ddpm, ema_sampler, load_images, load_model
from selfrefine import sample, save_model, train
from selfrefine.data.images import grid, to_uint8
from selfrefine.method.forward_noise import Readings
from selfrefine.diffusion.losses import diffusion_loss
from selfrefine.diffusion.models import MODELS, new_model
from selfrefine.diffusion.checkpoints import load_checkpoint, save_checkpoint
from selfrefine.experiments import pipeline
from selfrefine.experiments.cache import link, read_done
from selfrefine.experiments.presets import settings
from selfrefine.experiments.table import experiment
from small import environment, fitted, highlighter, portraits, same

pytestmark = pytest.mark.usefixtures('cpu')
pixel_models = sorted(name for name, entry in MODELS.items() if not entry.latent)
phases, recipe = Phases(total=12, base=4, cycle=4), Recipe(batch=4, lr=1e-3, warmup=2, ema=.9)

class Run:
    "A training run of both phases; made anew, it continues what is in its folder."
    def __init__(self, folder, make_ema=Ema, explains=None, name='ddpm'):
        self.folder, self.model, images = Path(folder), new_model(name, 16), portraits()
        self.ema, self.explains = make_ema(self.model, recipe.ema), explains or highlighter(images)
        how = dict(readings=Readings(projection='conv'), n_map=8, n_fake=48)
        self.refiner = SelfRefiner(self.model.net, self.explains, ema_sampler(self.ema, 2), phases, .1, .5, **how)
    def __call__(self, steps=phases.total, every=3, loss_fn=diffusion_loss):
        how = self.refiner, self.folder, every, loss_fn
        train(self.model, portraits(), steps, recipe, self.ema, *how, progress=False)
        return self.state
    @property
    def state(self):
        "Its checkpoint, without the clock."
        state = torch.load(self.folder/'state.pt', weights_only=True)
        del state['seconds'], state['refiner']['seconds']
        return state

def at_call(n, act):
    "The loss, with something that happens at its n-th call."
    calls = iter(range(1, 10**6))
    @wraps(diffusion_loss)
    def loss_fn(*args):
        if next(calls) == n: act()
        return diffusion_loss(*args)
    return loss_fn

def halt():
    print('halted', flush=True)
    time.sleep(120)

@contextmanager
def halted(folder, call, name='ddpm'):
    "Another process that continues the run of a folder, and waits in the midst of a step."
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen([sys.executable, __file__, folder, str(call), name], **pipes, env=environment) as p:
        assert p.stdout.readline() == 'halted\n', p.stderr.read()
        try: yield p
        finally: p.kill()

def stopped(folder, call, how, name='ddpm'):
    "Continue the run of a folder in another process, and send it a signal in the midst of a step: its code and words."
    with halted(folder, call, name) as p:
        p.send_signal(how)
        p.wait(60)
        assert p.returncode
        return p.returncode, p.stderr.read()

@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv('ACCELERATE_USE_CPU', 'true')
        return Run(tmp_path_factory.mktemp('whole'))()

def test_killed_interrupted_and_terminated(uninterrupted, tmp_path):
    """A run that is killed, interrupted and terminated, each time in mid-cycle, and continued, ends with the same bits.

    While it runs, a second one in its folder is refused, and changes nothing; a kill leaves no lock.
    """
    def saved(): return load_checkpoint(tmp_path/'state.pt', recipe)['step']
    with halted(tmp_path, 8) as p:
        before = contents(tmp_path)
        with pytest.raises(RuntimeError, match=f'process {p.pid} is training in'): Run(tmp_path)()
        assert contents(tmp_path) == before and p.poll() is None
        p.send_signal(signal.SIGKILL)
        p.wait(60)
    assert saved() == 6
    stopped(tmp_path, 3, signal.SIGINT)
    assert saved() == 8
    code, words = stopped(tmp_path, 3, signal.SIGTERM)
    assert saved() == 10 and code == 143 and 'Traceback' not in words
    assert f'saved at step 10 in {tmp_path}/state.pt; run again to continue' in words
    assert same(Run(tmp_path)(), uninterrupted)
    other = Run(tmp_path)
    other.refiner.noise_weight = .2
    with pytest.raises(ValueError, match='noise_weight: 0.1 then, 0.2 now'): other()

def test_interrupted_fit(uninterrupted, tmp_path, interrupts):
    "Ctrl-C while the highlighter is fitted: no half-fitted weights are continued from."
    explains = highlighter(portraits())
    train_step = explains._train_step
    def stop(sides, half, step, *args):
        if step == 2: signal.raise_signal(signal.SIGINT)
        return train_step(sides, half, step, *args)
    explains._train_step = stop
    with pytest.raises(KeyboardInterrupt): Run(tmp_path, explains=explains)()
    assert load_checkpoint(tmp_path/'state.pt', recipe)['step'] == 4
    assert same(Run(tmp_path)(), uninterrupted)

@pytest.mark.parametrize('name', [name for name in pixel_models if name != 'ddpm'])
def test_killed(tmp_path, name):
    "The same of the other models, with a learned variance or continuous time."
    stopped(tmp_path/'run', 8, signal.SIGKILL, name)
    assert load_checkpoint(tmp_path/'run/state.pt', recipe)['step'] == 6
    assert same(Run(tmp_path/'run', name=name)(), Run(tmp_path/'whole', name=name)())

def test_interrupted_after_the_optimizer(uninterrupted, tmp_path, interrupts):
    "Ctrl-C between the optimizer's step and the end of ours: no step is done twice."
    class Interrupted(Ema):
        left = 6
        def step(self):
            self.left -= 1
            if not self.left: signal.raise_signal(signal.SIGINT)
            super().step()
    with pytest.raises(KeyboardInterrupt): Run(tmp_path, Interrupted)()
    assert same(Run(tmp_path)(), uninterrupted)

@contextmanager
def full_disk(room=10_000):
    "No file can grow beyond `room` bytes: the error is an `OSError`, as it is on a full disk."
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try: yield
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

def contents(folder):
    "All files of a folder, by their names."
    return {str(f.relative_to(folder)): f.read_bytes() for f in Path(folder).rglob('*') if f.is_file()}

def test_full_disk_while_training(tmp_path):
    run = Run(tmp_path, explains=fitted(portraits()))
    run(6)
    before = contents(tmp_path)
    with full_disk(), pytest.raises(OSError, match='the one before it is intact'): run(9)
    assert contents(tmp_path) == before
    assert len(Run(tmp_path, explains=fitted(portraits()))(9)['losses']) == 9

def test_full_device(tmp_path):
    "The same from a device that is really full."
    if not os.path.exists('/dev/full'): pytest.skip('this system has no /dev/full')
    save_checkpoint(tmp_path/'state.pt', dict(step=1))
    os.symlink('/dev/full', tmp_path/f'.state.pt.{os.getpid()}-{threading.get_ident()}.part')  # see `atomic`
    larger = dict(x=torch.zeros(10**6))
    with pytest.raises(OSError, match='Free some space'): save_checkpoint(tmp_path/'state.pt', larger)
    assert torch.load(tmp_path/'state.pt') == dict(step=1)

def test_full_disk_while_saving_a_model(tmp_path):
    save_model(ddpm(16), tmp_path/'model')
    before = contents(tmp_path)
    try:
        with full_disk(), pytest.raises(OSError, match='intact'): save_model(ddpm(16, seed=1), tmp_path/'model')
    finally: assert same(load_model(tmp_path/'model').net.state_dict(), ddpm(16).net.state_dict())
    assert contents(tmp_path) == before

def test_full_disk_while_saving_a_highlighter(tmp_path):
    explains = highlighter(portraits())
    explains.save(tmp_path/'h.safetensors')
    before = contents(tmp_path)
    with full_disk(), pytest.raises(OSError): explains.save(tmp_path/'h.safetensors')
    assert contents(tmp_path) == before

def test_full_disk_while_sampling(tmp_path):
    "The folder stays one that can be continued."
    def draw(): return sample(ddpm(16), 2, steps=1, folder=tmp_path)
    whole = draw()
    (tmp_path/'00000001.png').unlink()
    with full_disk(40), pytest.raises(OSError): draw()
    assert (draw().int() - whole.int()).abs().max() <= 1, 'a smaller batch may add up in another order'

@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    "A checkpoint of two steps."
    folder, model = tmp_path_factory.mktemp('checkpoint'), ddpm(16)
    with pytest.MonkeyPatch.context() as m:
        m.setenv('ACCELERATE_USE_CPU', 'true')
        train(model, portraits(), 2, recipe, Ema(model, .9), folder=folder, progress=False)
    return (folder/'state.pt').read_bytes()

def test_cut_checkpoint(checkpoint, tmp_path):
    path, n = tmp_path/'state.pt', len(checkpoint)
    for damaged in [checkpoint[:k] for k in (0, 1, 100, n//3, n//2, n - 1)] + [b'not a checkpoint', b'\x80\x02}q\x00.']:
        path.write_bytes(damaged)
        refused = 'state.pt is not a readable checkpoint|was not written by this trainer'
        with pytest.raises(ValueError, match=refused): load_checkpoint(path, recipe)

@pytest.mark.parametrize('at', [.2, .5, .8])
def test_changed_checkpoint(at, checkpoint, tmp_path):
    "One changed byte anywhere in the weights is found."
    data, k = bytearray(checkpoint), int(at*len(checkpoint))
    data[k] ^= 255
    path = tmp_path/'state.pt'
    path.write_bytes(data)
    with pytest.raises(ValueError, match='state.pt is not a readable checkpoint'): load_checkpoint(path, recipe)

def resume(folder, name='ddpm', size=None):
    model = new_model(name, 16, size=size)
    return train(model, portraits(), 4, recipe, Ema(model, .9), folder=folder, progress=False)

def test_foreign_checkpoint(tmp_path):
    torch.save(dict(weights=torch.zeros(3)), tmp_path/'state.pt')
    with pytest.raises(ValueError, match='was not written by this trainer'): resume(tmp_path)

others = dict(size=dict(channels=(8, 16))), dict(name='improved'), dict(name='uvit')

@pytest.mark.parametrize('other', others, ids=str)
def test_checkpoint_of_another_network(checkpoint, tmp_path, other):
    (tmp_path/'state.pt').write_bytes(checkpoint)
    with pytest.raises(ValueError, match='state.pt .*(model|network).*another folder') as e: resume(tmp_path, **other)
    assert '\n' not in str(e.value)

def test_checkpoint_of_other_steps(checkpoint, tmp_path):
    "A longer run continues a shorter one, and a shorter one is refused."
    (tmp_path/'state.pt').write_bytes(checkpoint)
    def run(steps):
        model = ddpm(16)
        return train(model, portraits(), steps, recipe, Ema(model, .9), folder=tmp_path, progress=False)
    with pytest.raises(ValueError, match='is of step 2, and this run has 1 steps; give at least 2'): run(1)
    assert len(run(4)) == 4

@pytest.mark.parametrize('name', ['ddpm', 'uvit'])
@pytest.mark.parametrize('damage', ['cut', 'empty', 'text'])
def test_damaged_weights(damage, name, tmp_path):
    save_model(new_model(name, 16), tmp_path/'model')
    highlighter(portraits()).save(tmp_path/'h.safetensors')
    weights, h = tmp_path/'model/unet/diffusion_pytorch_model.safetensors', tmp_path/'h.safetensors'
    for f in (weights, h):
        damaged = dict(cut=f.read_bytes()[:-1000], empty=b'', text=b'404 not found, sorry')
        f.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match='was its download cut short') as e: load_model(tmp_path/'model')
    assert '\n' not in str(e.value)
    refused = 'h.safetensors is not a highlighter saved by this version'
    with pytest.raises(ValueError, match=refused) as e: FlawHighlighter.load(h)
    assert '\n' not in str(e.value)

def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='model_index.json'): load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match='no highlighter at'): FlawHighlighter.load(tmp_path/'h.safetensors')
    with pytest.raises(FileNotFoundError, match='no image set'): load_images(tmp_path/'nowhere')

def test_nan_loss(tmp_path):
    "The run stops, and its last checkpoint is one of before."
    run = Run(tmp_path, explains=fitted(portraits()))
    def nan(): run.model.net.conv_in.weight.data.fill_(float('nan'))
    advice = r'the loss became nan at step 4; the last good state is in .*state.pt \(step 3\). Lower'
    with pytest.raises(FloatingPointError, match=advice): run(loss_fn=at_call(5, nan))
    assert run.state['step'] == 3 and all(v.isfinite().all() for v in run.state['net'].values())

def test_diverged(tmp_path, capsys):
    "The loss grows for some steps before it is infinite; the checkpoint that is named, and continued, is of before."
    wild, model, seen = Recipe(batch=4, lr=3., warmup=12, clip=1e9, ema=.9), ddpm(16), []
    @wraps(diffusion_loss)
    def noted(*args):
        seen.append(loss := diffusion_loss(*args))
        return loss
    how = dict(folder=tmp_path, every=1, loss_fn=noted, progress=False)
    with pytest.raises(FloatingPointError) as e: train(model, portraits(), 200, wild, Ema(model, .9), **how)
    name, step = re.search(r'good state is in (.*) \(step (\d+)\)', str(e.value)).groups()
    good = load_checkpoint(name, wild)
    assert good['step'] == len(good['losses']) == int(step) and Path(name).name == 'previous.pt'
    before = max(good['losses'][:-2])
    assert before < 60 and max(loss.item() for loss in seen[:-1]) > 10*before
    assert load_checkpoint(tmp_path/'state.pt', wild)['step'] > int(step)
    model, milder = ddpm(16), replace(wild, lr=1e-4)
    after = train(model, portraits(), int(step) + 2, milder, Ema(model, .9), **how, force=True)
    assert after[:int(step)] == good['losses'] and 'had diverged' in capsys.readouterr().err

def test_infinite_gradient(tmp_path):
    "A finite loss can have an infinite gradient: what it does to the weights is never saved as a good state."
    run = Run(tmp_path, explains=fitted(portraits()))
    def act(): run.model.net.conv_in.weight.register_hook(lambda g: g*float('inf'))
    with pytest.raises(FloatingPointError, match='last good state'): run(loss_fn=at_call(6, act))
    assert all(v.isfinite().all() for v in run.state['net'].values())

def test_nan_images():
    "A diverged model has no images, and no map."
    images = torch.full((1, 3, 16, 16), float('nan'))
    with pytest.raises(ValueError, match='the model that made them has diverged'): to_uint8(images)
    model = ddpm(16)
    model.net.conv_in.weight.data.fill_(float('nan'))
    parts = model.net, fitted(portraits()), ema_sampler(Ema(model), 2), Phases(4, 0, 2)
    with pytest.raises(ValueError, match='was tried .* NaN or infinity at step 1 of 2'): SelfRefiner(*parts)
    refiner = SelfRefiner(*parts, n_map=8, check=False)
    with pytest.raises(ValueError, match='NaN or infinity at step 1 of 2'): refiner.at(0)
    assert not refiner.state.ready

@pytest.fixture
def pictures(tmp_path):
    "A folder of 12 images."
    folder = tmp_path/'pictures'
    for part, n in dict(train=8, val=2, test=2).items():
        (folder/part).mkdir(parents=True)
        for i, x in enumerate(portraits().x[:n]): grid(x[None]).save(folder/part/f'{i}.png')
    return folder

def zipped(folder, path, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, 'w', method) as z:
        for f in sorted(folder.rglob('*.png')): z.write(f, f.relative_to(folder))
    return path

def test_empty_and_unreadable_folder(pictures, tmp_path):
    (tmp_path/'empty').mkdir()
    with pytest.raises(ValueError, match='no images in .*empty; give a folder or zip'): load_images(tmp_path/'empty')
    (pictures/'train/0.png').write_bytes((pictures/'train/0.png').read_bytes()[:100])
    unreadable = '1 of 12 files .* cannot be read: train/0.png .*truncated.*; replace or delete'
    with pytest.raises(ValueError, match=unreadable): load_images(pictures, 16)

def test_corrupt_zip(pictures, tmp_path):
    whole = zipped(pictures, tmp_path/'whole.zip')
    assert len(load_images(whole, 16)) == 12
    for name, data in dict(cut=whole.read_bytes()[:-100], text=b'404 not found', nothing=b'').items():
        path = tmp_path/f'{name}.zip'
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f'{name}.zip is not a readable zip'): load_images(path, 16)

@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=['stored', 'deflated'])
def test_corrupt_image_in_zip(pictures, tmp_path, method):
    path = zipped(pictures, tmp_path/'set.zip', method)
    with zipfile.ZipFile(path) as z: begin = z.infolist()[0].header_offset + 30 + len(z.namelist()[0])
    whole = path.read_bytes()
    for at in (0, 40):
        path.write_bytes(whole[:begin + at] + b'\xff'*40 + whole[begin + at + 40:])
        with pytest.raises(ValueError, match='1 of 12 files .* cannot be read: test/0.png'): load_images(path, 16)

def test_encrypted_zip(pictures, tmp_path):
    "A zip that wants a password: the flag alone makes zipfile refuse it."
    path = zipped(pictures, tmp_path/'set.zip')
    data = bytearray(path.read_bytes())
    for signature, at in ((b'PK\x03\x04', 6), (b'PK\x01\x02', 8)):
        i = data.find(signature)
        while i >= 0:
            data[i + at] |= 1
            i = data.find(signature, i + 4)
    path.write_bytes(data)
    with pytest.raises(ValueError, match='12 of 12 files .* cannot be read'): load_images(path, 16)

@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'

def test_interrupted_link(empty_cache):
    "It keeps its folder, continues there, and is made once."
    made = []
    def make(folder):
        for i in range(4):
            if (folder/str(i)).exists(): continue
            if made == [0, 1]:
                made.append('stop')
                raise KeyboardInterrupt
            made.append(i)
            (folder/str(i)).touch()
        return dict(n=4)
    with pytest.raises(KeyboardInterrupt): link('numbers', make, side=16)
    folders = [link('numbers', make, side=16) for _ in range(2)]
    assert folders[0] == folders[1] and made == [0, 1, 'stop', 2, 3] and read_done(folders[0])['n'] == 4
    assert link('numbers', lambda folder: None, side=32) != folders[0]

def preset(): return settings('smoke', side=16, base_steps=4, steps=8, cycle=2, batch=4, n_map=4, n=6)
def images(): return load_images('emoji', 16)

def test_interrupted_arm(empty_cache, interrupts):
    "Stopped at its third map and started again, an arm has the weights, losses and maps of one that was not."
    p, x, explains = preset(), images(), fitted(portraits())
    base = pipeline.base_model(p, x, 0)
    def arm(): return pipeline.train_arm(p, 'both', x, base, explains, 0)
    cams, calls = explains.cams, []
    def stop(images, **how):
        calls.append(1)
        if len(calls) == 3: signal.raise_signal(signal.SIGINT)
        return cams(images, **how)
    explains.cams = stop
    with pytest.raises(KeyboardInterrupt): arm()
    folder, = empty_cache.glob('arm-*')
    assert load_checkpoint(folder/'state.pt', pipeline.recipe(p, 0))['step'] == 8 and not (folder/'done.json').exists()
    assert arm() == folder and len(calls) == 6, 'five maps with one made twice, and the caution of the arm'
    def results():
        losses = json.loads((folder/'losses.json').read_text())
        return [load_model(folder/'model').net.state_dict(), losses, pipeline.load_maps(folder)]
    continued = results()
    shutil.rmtree(folder)
    assert arm() == folder and same(results(), continued)

def test_interrupted_samples(empty_cache):
    "Images that are there are kept; the others are the same as in one go."
    p, x = preset(), images()
    base = pipeline.base_model(p, x, 0)
    folder = pipeline.draw_samples(p, x, base, 0)
    whole, first = pipeline.load_samples(folder, p.side), (folder/'png/00000000.png').stat().st_mtime_ns
    (folder/'done.json').unlink()
    for i in (1, 4): (folder/f'png/{i:08}.png').unlink()
    assert pipeline.draw_samples(p, x, base, 0) == folder
    again = pipeline.load_samples(folder, p.side)
    assert (again.int() - whole.int()).abs().max() <= 1, 'a smaller batch may add up in another order'
    assert (folder/'png/00000000.png').stat().st_mtime_ns == first

def test_cut_settings_of_samples(tmp_path):
    "A kill may leave samples.json empty."
    model = ddpm(16)
    sample(model, 2, steps=1, folder=tmp_path)
    (tmp_path/'samples.json').write_text('')
    with pytest.raises(ValueError, match='delete it'): sample(model, 2, steps=1, folder=tmp_path)

def test_unknown_words():
    with pytest.raises(ValueError, match="presets are smoke, quick, gpu, paper, not 'huge'"): settings('huge')
    with pytest.raises(ValueError, match=r"a preset has no 'step' \(did you mean 'steps'\?\); it has .*steps"):
        settings('smoke', step=3)
    base = [dict(method='base', arm='base')]
    with pytest.raises(FileNotFoundError, match='no image set'): experiment('t', base, 'smoke', source='emojis')

wrong_types = dict(steps='many', seeds='0', bf16='no', lr='fast', n=2.5, base_steps='shipped', highlighter_file=.25)
wrong_values = dict(cycle=0, n=0, n_map=0, batch=0, seeds=[], sampler='euler', highlighter='global')

@pytest.mark.parametrize('name', wrong_types)
def test_wrong_type(name):
    "What papermill's -p can bring is refused by name, before anything is computed."
    with pytest.raises(TypeError, match=f'^{name} is'): settings('smoke', **{name: wrong_types[name]})

def test_one_seed_is_a_list():
    with pytest.raises(TypeError, match='^seeds is'): settings('smoke', seeds=3)

def test_whole_numbers_are_numbers():
    p = settings('smoke', lr=1, highlighter_width=1)
    assert (p.lr, p.highlighter_width, p.highlighter_file) == (1, 1, None)

@pytest.mark.parametrize('name', wrong_values)
def test_value_out_of_range(name):
    with pytest.raises(ValueError, match=name): settings('smoke', **{name: wrong_values[name]})

def test_unknown_arm(pictures, empty_cache, tmp_path):
    "It is found before anything is computed."
    methods = [dict(method='baseline', arm='base'), dict(method='typo', arm='bose')]
    tiny = dict(side=16, base_steps=1, steps=1, n=4, batch=4, sampler_steps=1)
    with pytest.raises(ValueError, match="arms are base, .*, not 'bose'"):
        experiment('t', methods, 'smoke', tmp_path/'out', source=str(pictures), **tiny)
    assert not empty_cache.exists()

if __name__ == '__main__':
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Run(sys.argv[1], name=sys.argv[3])(loss_fn=at_call(int(sys.argv[2]), halt))
