"Anyone's training loop, made of stock diffusers objects and three lines of ours."
import copy, pickle, re
from pathlib import Path
import pytest
import torch
import torch.nn.functional as F
from diffusers import DDIMPipeline, DDPMPipeline, DDPMScheduler, UNet2DConditionModel, UNet2DModel
from diffusers.training_utils import EMAModel
from safetensors import safe_open
from selfrefine import Diffusion, Phases, SelfRefiner, load_model
from selfrefine.data.randomness import generator
from selfrefine.data.images import to_float
from selfrefine.method.mfam import Guide
from selfrefine.diffusion.models import shipped_folder
from selfrefine.diffusion.sampling import sample_batch
from small import fitted, highlighter, portraits, python, same, static

scheduler, phases = DDPMScheduler(), Phases(total=8, base=2, cycle=2)
few = dict(sample_size=16, in_channels=3, out_channels=3, block_out_channels=(16, 32), layers_per_block=1,
           attention_head_dim=8, norm_num_groups=8)

def unet():
    torch.manual_seed(0)
    blocks = dict(down_block_types=('DownBlock2D', 'AttnDownBlock2D'), up_block_types=('AttnUpBlock2D', 'UpBlock2D'))
    return UNet2DModel(**blocks, **few)

def text_unet():
    torch.manual_seed(0)
    down, up = ('DownBlock2D', 'CrossAttnDownBlock2D'), ('CrossAttnUpBlock2D', 'UpBlock2D')
    return UNet2DConditionModel(down_block_types=down, up_block_types=up, cross_attention_dim=8, **few)

def averaging(net):
    "diffusers' `EMAModel`, and samples from it by diffusers' DDIM pipeline."
    ema = EMAModel(net.parameters(), decay=.5, model_cls=UNet2DModel, model_config=net.config)
    average = UNet2DModel.from_config(net.config)
    def sample_ema(n, generator):
        ema.copy_to(average.parameters())
        pipe = DDIMPipeline(average, scheduler)
        pipe.set_progress_bar_config(disable=True)
        images = pipe(n, generator, num_inference_steps=2, output_type='np').images
        return torch.from_numpy(images).permute(0, 3, 1, 2).mul(255).round().to(torch.uint8)
    return ema, sample_ema

def drawn(n, generator): return torch.randint(256, (n, 3, 16, 16), generator=generator, dtype=torch.uint8)

@pytest.fixture(scope='module')
def explains(): return fitted(portraits())

def refine(net, explains, sample_ema=drawn, **options):
    "A refiner with strong weights, so that whatever goes wrong shows."
    weights = dict(noise_weight=.1, attention_weight=.5)
    return SelfRefiner(net, explains, sample_ema, phases, **weights, n_map=8, n_fake=48, **options)

def loop(net, refiner=None, ema=None, passes=1, words=(), each=None):
    "The front page's loop; all it draws comes from the global random state."
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], 1e-3)
    x = to_float(portraits().x)
    torch.manual_seed(1)
    for step in range(phases.total):
        for _ in range(passes):
            x0, t = x[torch.randint(len(x), (4,))], torch.randint(1000, (4,))
            noise = target = torch.randn_like(x0)
            if refiner:
                refiner.at(step)
                noise, target = refiner.enhance(noise)
            loss = F.mse_loss(net(scheduler.add_noise(x0, noise, t), t, *words).sample, target)/passes
            loss.backward()
        optimizer.step(); optimizer.zero_grad()
        if ema: ema.step(net.parameters())
        if each: each(step)
    return net.state_dict()

def output(net, *words):
    x = torch.randn(2, 3, 16, 16, generator=generator(0, 'noise'))
    with torch.no_grad(): return net(x, torch.tensor([10, 500]), *words).sample

def test_empty_map_is_the_plain_loop():
    "Fitting the highlighter, sampling and explaining draw nothing that the loop draws, and leave its network alone."
    plain, maps = loop(unet()), []
    net, explains = unet(), highlighter(portraits())
    ema, sample_ema = averaging(net)
    empty = Guide('empty', 'Empty', lambda c: torch.zeros(1, 1, c.side, c.side), needs=('cams',))
    refiner = refine(net, explains, sample_ema, guide=empty, watch=lambda step, images, m: maps.append(step))
    assert same(loop(net, refiner, ema), plain)
    assert maps == [2, 4, 6] and explains.fitted and net.training

def test_map_acts(explains):
    net, maps, images = unet(), [], []
    ema, sample_ema = averaging(net)
    refiner = refine(net, explains, sample_ema, watch=lambda step, x, m: (maps.append(m), images.append(x)))
    refined, plain = loop(net, refiner, ema), loop(unet())
    assert refined.keys() == plain.keys() and not same(refined, plain)
    assert not same(images[0], images[1]) and not same(maps[0], maps[1])
    refiner.remove()
    stock = unet()
    stock.load_state_dict(refined)
    assert same(output(net), output(stock))

@pytest.mark.parametrize('make', [unet, text_unet])
def test_gradient_checkpointing(explains, make):
    "Attention is computed again in the backward pass, and must see the same map."
    words = (torch.randn(4, 5, 8, generator=generator(0, 'noise')),) if make is text_unet else ()
    def run(checkpointing, refined=True):
        net = make()
        if checkpointing: net.enable_gradient_checkpointing()
        return loop(net, refine(net, explains) if refined else None, words=words)
    checkpointed, kept, plain = run(True), run(False), run(True, refined=False)
    def apart(a, b): return max((a[k] - b[k]).abs().max() for k in a)
    assert apart(checkpointed, kept) < 1e-6, 'not equal: the second pass may take another kernel'
    assert apart(checkpointed, plain) > 1e-5

def test_gradient_accumulation(explains):
    "A step is an optimizer step: more backward passes make no more maps, and all passes of a step see the same one."
    net, made, seen = unet(), [], []
    refiner = refine(net, explains, watch=lambda step, images, m: made.append(step))
    enhance = refiner.enhance
    refiner.enhance = lambda noise: (seen.append(refiner.state.map.clone()), enhance(noise))[1]
    loop(net, refiner, passes=2)
    assert made == [2, 4, 6] and len(seen) == 16 and same(seen[::2], seen[1::2])

def test_compiled(explains):
    "Two graphs, without and with a map, and none more when the map is refreshed."
    graphs, counted = [], []
    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward
    torch.compiler.reset()
    net = unet()
    compiled = torch.compile(net, backend=backend)
    loop(compiled, refine(compiled, explains), each=lambda step: counted.append(len(graphs)))
    assert counted == [1, 1] + [2]*6
    eager = unet()
    torch.testing.assert_close(net.state_dict(), loop(eager, refine(eager, explains)), atol=1e-6, rtol=0)

@pytest.mark.parametrize('order', ['adapter first', 'refiner first'])
def test_lora(explains, order):
    peft = pytest.importorskip('peft', reason='peft is not installed: pip install peft')
    def adapt(net):
        torch.manual_seed(2)
        config = peft.LoraConfig(r=2, target_modules=['to_q', 'to_k', 'to_v'], init_lora_weights=False)
        return peft.inject_adapter_in_model(config, net)
    stock, plain, net = unet().state_dict(), adapt(unet()), unet()
    if order == 'adapter first': refiner = refine(adapt(net), explains)
    else: refiner, net = refine(net, explains), adapt(net)
    first = output(net)
    refined = loop(net, refiner)
    assert refined.keys() == plain.state_dict().keys() and not same(refined, loop(plain))
    assert same({k.replace('.base_layer', ''): v for k, v in refined.items() if 'lora' not in k}, stock)
    other = adapt(unet())
    assert same(loop(other, refine(other, explains)), refined), 'the order of adapter and refiner matters'

def test_text_conditional(explains):
    "Only attention over the image has places: keys that are words stay as they are."
    net, words = text_unet(), torch.randn(4, 5, 8, generator=generator(0, 'noise'))
    refiner = refine(net, explains)
    attention = {name for name, m in net.named_modules() if hasattr(m, 'to_k')}
    assert set(refiner.modulation.layers) == {a for a in attention if a.endswith('attn1')} != attention
    cross = [m for name, m in net.named_modules() if name.endswith('attn2')]
    assert cross and not any(m.to_k._forward_hooks or m.to_v._forward_hooks for m in cross)
    assert not same(loop(net, refiner, words=(words,)), loop(text_unet(), words=(words,)))

def test_copies_carry_no_map(explains, tmp_path):
    net = unet()
    ema, sample_ema = averaging(net)
    refiner = refine(net, explains, sample_ema)
    loop(net, refiner, ema)
    with refiner.bypass(): plain = output(net)
    assert not same(output(net), plain)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))): assert same(output(other), plain)
    ema.save_pretrained(tmp_path)
    saved, average = UNet2DModel.from_pretrained(tmp_path), unet()
    ema.copy_to(average.parameters())
    assert same(output(saved), output(average)) and not same(output(saved), plain)

READER = '''
import sys
sys.modules['selfrefine'] = None
import torch
from diffusers import DDIMScheduler, DDPMPipeline
torch.set_num_threads(1)
folder, noise, samples = sys.argv[1:]
pipe, x = DDPMPipeline.from_pretrained(folder), torch.load(noise)
scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing='trailing')
scheduler.set_timesteps(4)
with torch.no_grad():
    for t in scheduler.timesteps: x = scheduler.step(pipe.unet(x, t).sample, t, x).prev_sample
assert not [m for m in sys.modules if m.startswith('selfrefine.')]
torch.save(x, samples)
'''

def test_saved_folder_is_plain_diffusers(explains, tmp_path):
    "Saved in mid-refinement, and sampled where this package cannot be imported."
    net = unet()
    refiner = refine(net, explains)
    loop(net, refiner)
    DDPMPipeline(net, scheduler).save_pretrained(tmp_path/'model')
    DDPMPipeline(unet(), scheduler).save_pretrained(tmp_path/'stock')
    def files(folder): return {str(f.relative_to(folder)): f.stat().st_size for f in folder.rglob('*') if f.is_file()}
    assert files(tmp_path/'model') == files(tmp_path/'stock')
    with safe_open(tmp_path/'model/unet/diffusion_pytorch_model.safetensors', 'pt') as f: stored = set(f.keys())
    assert stored == unet().state_dict().keys()
    refiner.remove()
    noise = [torch.randn(3, 16, 16, generator=generator(5, 'sample', index=i)) for i in range(4)]
    torch.save(torch.stack(noise), tmp_path/'noise.pt')
    python('-c', READER, tmp_path/'model', tmp_path/'noise.pt', tmp_path/'samples.pt')
    ours = sample_batch(Diffusion(net, scheduler), range(4), 'ddim', 4, seed=5)
    theirs = torch.load(tmp_path/'samples.pt')
    torch.testing.assert_close(theirs, ours, atol=1e-4, rtol=0)  # two programs, rounding apart

PIPELINE = '''
import sys
sys.modules['selfrefine'] = None
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, DiffusionPipeline
torch.set_num_threads(1)
*folders, uvit, seeds, samples = sys.argv[1:]
made = []
for folder in folders:
    pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    sampler, spacing = (DDPMScheduler, 'linspace') if isinstance(pipe, DDPMPipeline) else (DDIMScheduler, 'trailing')
    pipe.scheduler = sampler.from_config(pipe.scheduler.config, timestep_spacing=spacing)
    pipe.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(int(s)) for s in seeds.split(',')]
    words = dict(prompt=['red heart', 'flag of Japan'], guidance_scale=2.)
    how = words if hasattr(pipe, 'tokenizer') else dict(batch_size=len(generators))
    images = pipe(**how, generator=generators, num_inference_steps=10, output_type='np').images
    made.append(torch.from_numpy(images))
try: DDPMPipeline.from_pretrained(uvit)
except ValueError as e: assert 'selfrefine' in str(e)
else: raise AssertionError('a stock class after all')
torch.save(made, samples)
'''

def test_shipped_models_in_stock_diffusers(tmp_path):
    "Where this package cannot be imported, stock classes give the same images up to rounding; U-ViT's class is ours."
    *stock, uvit = [shipped_folder(f'{m}-emoji') for m in ('ddpm', 'improved', 'ldm', 'text', 'uvit')]
    seeds = ','.join(str(generator(5, 'sample', index=i).initial_seed()) for i in range(2))
    python('-c', PIPELINE, *stock, uvit, seeds, tmp_path/'samples.pt')
    for folder, theirs in zip(stock, torch.load(tmp_path/'samples.pt'), strict=True):
        model = load_model(folder)
        words = dict(prompts=['red heart', 'flag of Japan'], guidance=2.) if model.tokenizer else {}
        ours = sample_batch(model, range(2), 'ddim' if model.first_stage else 'ddpm', 10, seed=5, **words)
        ours = (ours/2 + .5).clamp(0, 1).permute(0, 2, 3, 1)
        assert (theirs - ours).abs().max() < 1e-4, folder.name

SIZES = dict(total=6, base=2, cycle=2, n_fake=16)  # README's own take a minute

def readme_loop():
    "README's first block with `SelfRefiner`, with fewer steps."
    blocks = re.findall(r'^```python\n(.*?)^```', (Path(__file__).parent.parent/'README.md').read_text(), re.M | re.S)
    loop = next(b for b in blocks if 'SelfRefiner' in b)
    for name, size in SIZES.items():
        loop, found = re.subn(rf'\b{name}=[\d_]+', f'{name}={size}', loop)
        assert found == 1, f'the loop sets {name} once'
    return loop

CHECK = """
assert step == phases.total - 1 == 5 and loss.isfinite()
assert refiner.highlighter.fitted and refiner.state.step == 4 and noise.shape == x0.shape
"""

def test_readme_loop(tmp_path):
    "Pasted into a file it runs as it stands: all that it names is defined in it."
    (tmp_path/'loop.py').write_text(readme_loop() + CHECK)
    python(tmp_path/'loop.py', cwd=tmp_path)
