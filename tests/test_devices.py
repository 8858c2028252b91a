"Everything on a GPU: on a real one where there is one, else on a pretended one that refuses to mix two devices."
import copy, subprocess, sys
from functools import partial
from pathlib import Path
import pytest
import torch
from accelerate import Accelerator
from selfrefine import Ema, Images, Phases, Recipe, SelfRefiner, ema_sampler, encoder, rank, repair, sample, train
from selfrefine.data.sets import emoji
from selfrefine.method.forward_noise import Readings
from selfrefine.method.local_highlighter import LocalHighlighter
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.method.mfam import GUIDES
from selfrefine.applications.inpainting import Walk, make_masks, repaint
from selfrefine.diffusion.ema import x0_sampler
from selfrefine.diffusion.models import MODELS, ddpm, encode_set, new_model, uvit
from selfrefine.diffusion.sampling import SAMPLERS
from pretended import CUDA, PretendedGPU
from small import environment, fitted, portraits, static

@pytest.fixture
def gpu(monkeypatch):
    "A device on which a tensor that was left on the CPU is found."
    if torch.cuda.is_available():
        yield CUDA
        return
    monkeypatch.setattr(Accelerator, 'device', CUDA)
    monkeypatch.setattr(torch.cuda, 'is_current_stream_capturing', lambda: False)
    with PretendedGPU(): yield CUDA

def test_two_devices_do_not_mix(gpu):
    x, y = torch.zeros(3, device='cuda'), torch.ones(3)
    assert x.is_cuda and x[:1].device == (x + 1).device == (x*torch.tensor(2.)).device == CUDA and not y.is_cuda
    for wrong in (lambda: x + y, lambda: torch.cat([x, y]), lambda: y[x.long()], lambda: x.index_select(0, y.long()),
                  lambda: torch.randn(3, device='cuda', generator=torch.Generator()), lambda: torch.nn.Linear(3, 1)(x)):
        with pytest.raises(RuntimeError): wrong()
    with pytest.raises(TypeError): x.numpy()
    layer = torch.nn.Linear(3, 1).to('cuda')
    layer(x).sum().backward()
    assert layer.weight.grad.device == CUDA and (x.cpu() + y).device == y.device

@pytest.fixture(scope='module')
def known(): return fitted(portraits())

def model_and_images(name):
    "A small model, and what it is trained on."
    if not MODELS[name].latent: return new_model(name, 16), Images(portraits().x, 'portraits')
    images = Images(emoji(side=32).x[:24], 'portraits', captions=[f'face {i % 5}' for i in range(24)])
    model = new_model(name, 32, captions=images.captions)
    model.first_stage.register_to_config(scaling_factor=3.)
    return model, images

def refined(model, images, explains, base=1, **how):
    "A run of three steps with a refiner."
    data, ema = encode_set(model, images, 16) if model.first_stage else images, Ema(model, .5)
    how = dict(n_map=2, n_fake=12, side=images.side, noise_weight=0. if model.first_stage else .1) | how
    sampler = ema_sampler(ema, 2, captions=images.captions)
    refiner = SelfRefiner(model.net, explains, sampler, Phases(3, base, 1), attention_weight=.5, **how)
    assert len(train(model, data, 3, Recipe(batch=4, lr=1e-4, warmup=1, ema=.5), ema, refiner, progress=False)) == 3
    return refiner, ema

@pytest.mark.parametrize('name', [n for n in MODELS if not MODELS[n].variant_of])
def test_model(gpu, known, name):
    "Latents, training through both phases with a map at every step, and samples."
    model, images = model_and_images(name)
    refiner, ema = refined(model.to(gpu), images, copy.deepcopy(known))
    assert refiner.state.step == 2 and refiner.state.map.device == next(model.net.parameters()).device == CUDA
    prompts = ['face 1', 'face 2'] if model.tokenizer else None
    found = sample(ema.model, 2, steps=2, prompts=prompts, guidance=2. if prompts else 1.)
    assert found.device.type == 'cpu' and found.shape == (2, 3, images.side, images.side)

@pytest.mark.parametrize('kind', [FlawHighlighter, LocalHighlighter])
def test_highlighter_is_fitted_in_the_run(gpu, kind):
    model, images = model_and_images('ddpm')
    explains = kind(images, side=64, width=1/32)
    explains.fit = partial(explains.fit, epochs=1)
    refined(model, images, explains, readings=Readings(projection='conv'))
    fake, real = static(6, 1), portraits().x[:6]
    assert explains.fitted and explains.fitted.device == CUDA
    assert explains.maps(fake.to(gpu)).device == explains.maps(fake).device == CUDA
    explains.evaluate(fake, real), explains.shortcut_report(fake, real), explains.caution()

@pytest.mark.parametrize('reading', [dict(noise='shift', attention='bias'), dict(projection='conv', enhanced='target')])
def test_readings(gpu, known, reading):
    refined(*model_and_images('ddpm'), copy.deepcopy(known), readings=Readings(**reading))

@pytest.mark.parametrize('name', GUIDES)
def test_guide(gpu, known, name):
    "Maps of every kind, made on the device and kept there."
    model, images = model_and_images('ddpm')
    explains = copy.deepcopy(known).to(gpu)
    sampler = x0_sampler(Ema(model.to(gpu)), images) if name == 'fam' else ema_sampler(Ema(model.to(gpu)), 2)
    refiner = SelfRefiner(model.net, explains, sampler, Phases(2, 0), guide=name, n_map=2)
    refiner.at(0)
    assert refiner.state.map.device == CUDA and refiner.enhance(torch.randn(2, 3, 16, 16, device=gpu))[0].device == CUDA

def test_cams_of_the_library(gpu, known):
    explains = copy.deepcopy(known).to(gpu)
    explains.cam = 'layercam'
    assert explains.cams(static(2, 1)).device == CUDA

@pytest.mark.parametrize('name', SAMPLERS)
def test_sampler(gpu, name, tmp_path):
    model = (uvit(16) if name == 'euler-maruyama' else ddpm(16)).to(gpu)
    found = sample(model, 3, name, 3, batch=2, folder=tmp_path)
    assert found.device.type == 'cpu' and len(list(tmp_path.glob('*.png'))) == 3

@pytest.mark.parametrize('given', ['cpu', 'cuda'])
def test_features(gpu, given):
    "Of images that lie on either device; features come back to the CPU, where distances are computed."
    enc, x = encoder('squeezenet', gpu), static(3, 0).to(given)
    assert enc.features(x, 2).device.type == 'cpu' and enc.features(Images(x)).shape == (3, 512)

@pytest.mark.parametrize('given', ['cpu', 'cuda'])
def test_repair(gpu, known, given, tmp_path):
    "Also repainting, with masks and images on either device."
    model, explains, x = ddpm(16).to(gpu), copy.deepcopy(known).to(gpu), static(2, 0).to(given)
    judge, walk = copy.deepcopy(explains), Walk(3, 1, 2)
    for p in judge.net.parameters(): p.mul_(1.01)
    found = repair(model, x, explains, judge, walk=walk, folder=tmp_path)
    assert found.after.device.type == 'cpu' and len(found.scores['after']) == 2
    assert repaint(model, x, make_masks('half', 16, 2).to(given), walk).shape == x.shape
    rank(x, explains, out=tmp_path)

def test_a_tensor_left_behind_is_found(gpu, known):
    "What these tests are for: one buffer on the CPU stops the run."
    model, images = model_and_images('ddpm')
    refiner, ema = refined(model, images, copy.deepcopy(known))
    explains = refiner.highlighter
    for owner, name in ((explains.preprocess, 'std'), (refiner.state, 'map')):
        kept = getattr(owner, name)
        setattr(owner, name, kept.cpu())
        with pytest.raises(RuntimeError, match='devices?'):
            if owner is refiner.state: refiner.enhance(torch.randn(2, 3, 16, 16, device=gpu))
            else: explains.maps(static(2, 0))
        setattr(owner, name, kept)
    model.net.conv_in.weight.data = model.net.conv_in.weight.data.cpu()
    with pytest.raises(RuntimeError, match='devices?'): sample(model, 1, steps=1)

def test_the_script_for_a_gpu_says_that_there_is_none():
    script = Path(__file__).parents[1]/'tools/gpu.py'
    how = dict(capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
    done = subprocess.run([sys.executable, str(script)], **how)
    assert done.returncode == 2 and 'PyTorch sees no GPU here; run this where there is one' in done.stderr, done.stderr
