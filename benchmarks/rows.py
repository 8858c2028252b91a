"The rows of the table."
import statistics, subprocess, sys, tempfile, time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMScheduler
from selfrefine.data.randomness import generator
from selfrefine.data.images import to_float, to_uint8
from selfrefine.data.sets import load_images
from selfrefine.experiments.pipeline import device, on_device
from selfrefine.experiments.training_cost import in_new_process, peak_memory
from selfrefine.method.gradcam import grad_cam
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.applications.inpainting import walk_cost, make_masks, repaint, repaint_walk
from selfrefine.data.images import image_bytes
from selfrefine.evaluation.features import encoder
from selfrefine.evaluation.distances import frechet
from selfrefine.method.gradcam import maps_from_cams
from selfrefine.method.mfam import Guide
from selfrefine.diffusion.models import Diffusion, uvit
from selfrefine.method.phases import Phases, SelfRefiner
from selfrefine.diffusion.sampling import sample_batch
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.ema import Ema, ema_sampler, x0_sampler
from selfrefine.diffusion.training import train
from . import training
from .timing import ROWS, Sides, in_turn, matmul_peak, row, seconds
from .turns import ROUND, TURN, Turns, turns

STEP = 'a training step, 32 images of 32 px, with data, optimizer and averaged weights; ours in {precision}'

def against(make, bf16, **options):
    ours = make is training.diffusers_loop  # is it our network?
    loss, flop = (training.diffusers_loss, lambda: training.flop(on_device(training.network()))) if ours else (training.lucidrains_loss, None)
    return lambda: Sides(training.ours(**options), make(bf16), partial(training.apart, loss), 1e-6, flop)

for compiled, targets in ((False, (1.7, 2.8)), (True, (2.0, 3.3))):
    name, rounds = ('train_compiled', 3) if compiled else ('train', 5)
    for peer, make, target in (('diffusers', training.diffusers_loop, targets[0]), ('lucidrains', training.lucidrains, targets[1])):
        said = dict(diffusers="diffusers' example loop, 2.59 M parameters", lucidrains='denoising_diffusion_pytorch.Trainer, 2.61 M parameters')[peer]
        for bf16 in (False, True):
            row(f'{name}_vs_{peer}' + bf16*'_bf16', STEP + compiled*' and compiled', said + bf16*', in bf16 autocast', None if bf16 else target, rounds)(against(make, bf16, compile=compiled))

def sampling(bf16):
    def make():
        net, n, steps = on_device(training.network().eval()), 32, 10
        model = Diffusion(net, DDIMScheduler())
        pipe = DDIMPipeline(net, DDIMScheduler(timestep_spacing='trailing'))
        pipe.set_progress_bar_config(disable=True)
        def ours(): to_uint8(sample_batch(model, range(n), 'ddim', steps, bf16=training.half()))
        def peer():
            with torch.autocast(device(), torch.bfloat16, enabled=bf16): pipe(n, num_inference_steps=steps, output_type='np')
        def apart():
            same = [generator(0, 'sample', index=i) for i in range(n)]
            theirs = torch.from_numpy(pipe(n, same, num_inference_steps=steps, output_type='np').images).permute(0, 3, 1, 2)
            return float((to_uint8(sample_batch(model, range(n), 'ddim', steps)).cpu().float()/255 - theirs).abs().max())
        return Sides(ours, peer, apart, 1/255, lambda: steps*training.flop(net, False))
    return make
for bf16 in (False, True):
    row('sampling_vs_diffusers' + bf16*'_bf16', '32 images by DDIM in 10 steps; ours in {precision}, compared in float32', "diffusers' DDIMPipeline" + bf16*', in bf16 autocast', None if bf16 else 2.2)(sampling(bf16))

def cams(side):
    def make():
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
        torch.backends.cudnn.allow_tf32 = False
        h = on_device(FlawHighlighter(side=side))
        g = torch.Generator().manual_seed(0)
        x = h.preprocess(torch.randint(256, (32, 3, side, side), generator=g, dtype=torch.uint8).to(device()))
        net = on_device(FlawHighlighter(side=side)).net.requires_grad_(True).to(memory_format=torch.contiguous_format)
        peer_cam, plain = GradCAM(net, [net.features[29]]), x.contiguous()
        def ours(): maps_from_cams(grad_cam(h.net, x), side)
        def theirs(): return peer_cam(plain, [ClassifierOutputTarget(0)]*len(x))
        def peer(): theirs()
        def apart(): return float((maps_from_cams(grad_cam(h.net, x), side).cpu() - torch.from_numpy(theirs())[:, None]).abs().max())
        return Sides(ours, peer, apart, 1e-5)
    return make
for side, target in ((64, 2.5), (128, 3.)):
    row(f'gradcam{side}_vs_grad_cam', f'Grad-CAM of 32 images of {side} px, full VGG16, float32', 'pytorch-grad-cam', target)(cams(side))

def moments(n=4096, d=2048):
    "Means and covariances of two sets of features."
    g = np.random.default_rng(0)
    mix = g.normal(size=(d, d))/d**.5
    sets = [g.normal(size=(n, d)) @ mix + s for s in (0, .1)]
    return [(x.mean(0), np.cov(x, rowvar=False)) for x in sets]

def sqrtm(a, b):
    "The textbook form, as in pytorch-fid."
    from scipy import linalg
    (m, s), (n, t) = a, b
    root = linalg.sqrtm(s @ t)
    return float(((m - n)**2).sum() + np.trace(s) + np.trace(t) - 2*np.trace(root.real if np.iscomplexobj(root) else root))

def clean(a, b):
    from cleanfid.fid import frechet_distance
    return float(frechet_distance(*a, *b))

def metric(a, b):
    from torchmetrics.image.fid import _compute_fid
    return float(_compute_fid(*map(torch.from_numpy, (*a, *b))))

def distances(f):
    def make():
        a, b = moments()
        def ours(): frechet(a, b)
        def peer(): f(a, b)
        return Sides(ours, peer, lambda: abs(frechet(a, b) - f(a, b))/f(a, b), 1e-6)
    return make
for name, f, said, target in (('sqrtm', sqrtm, "scipy's sqrtm", 9.), ('clean_fid', clean, 'clean-fid', None), ('torchmetrics', metric, 'torchmetrics', None)):
    row(f'frechet_vs_{name}', 'the Fréchet distance of Gaussians of 2,048 features, from means and covariances', said, target, 3, gpu=False)(distances(f))

@row('features_vs_clean_fid', "SqueezeNet's features of 512 PNG files of 32 px, resized to 224; the peer has the same network and resize, and no processes of its own", "clean-fid's reader and loop", rounds=3, gpu=False)
def _():
    from cleanfid.fid import get_folder_features
    where, squeeze = tempfile.TemporaryDirectory(), encoder('squeezenet')
    training.files(where.name)
    plain = encoder('squeezenet').network.to(memory_format=torch.contiguous_format)
    def resize(image): return squeeze.prepare(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    def ours(): ours.found = squeeze.features(load_images(where.name, training.SIDE))
    def peer(): peer.found = get_folder_features(where.name, plain, num_workers=0, device=torch.device('cpu'), custom_fn_resize=resize, verbose=False)
    ours.kept = where
    def apart(): ours(); peer(); return float((ours.found - torch.from_numpy(peer.found)).abs().max()/ours.found.abs().max())
    return Sides(ours, peer, apart, 1e-4)

@row('uvit_vs_float32', 'a training step of U-ViT, 32 px, batch 32, in bfloat16', 'the same in float32', 2.2)
def _():
    net, x = on_device(uvit(training.SIDE).net), to_float(training.images(training.BATCH).x).to(device())
    def out(bf16):
        with torch.no_grad(), torch.autocast(device(), torch.bfloat16, enabled=bf16): return net(x, torch.full((len(x),), 500, device=device())).sample.float()
    sides = (training.ours(bf16, 9, uvit(training.SIDE)) for bf16 in (True, False))
    return Sides(*sides, lambda: float((out(True) - out(False)).norm()/out(False).norm()), .02, lambda: training.flop(net))

def flat(value): return Guide(f'{value} everywhere', lambda cams, side, g: torch.full((1, 1, side, side), float(value)), False)

def base(): return Diffusion(training.network(), DDPMScheduler()), training.images()

def losses(guide=None):
    "Of three steps of the base phase, or of the refinement phase with a map that is given."
    model, x = base()
    refiner = guide and SelfRefiner(model.net, FlawHighlighter(x.x, width=.25), None, Phases(3, 0), guide=guide)
    return torch.tensor(train(model, x, 3, Recipe(training.BATCH, 1e-4, 10), Ema(model), refiner, progress=False))

def phases(cycle, cheap):
    def both(rounds):
        model, x = base()
        ema, h = Ema(model), on_device(FlawHighlighter(x.x, width=.25 if cheap else 1.)).fit(x.x.flip(1), epochs=1)
        maker = x0_sampler(ema, x, bf16=training.half()) if cheap else ema_sampler(ema, bf16=training.half())
        return turns(model, x, ema, SelfRefiner(model.net, h, maker, Turns(1, 0, cycle), n_map=32), rounds)
    def apart():
        plain, empty, full = losses(), losses(flat(0)), losses(flat(1))
        assert (full - plain).abs().max() > 1e-5, 'a map changes nothing'
        return float((empty - plain).abs().max())
    return lambda: Sides(both=both, difference=apart, tolerance=1e-6, notes=dict(steps=ROUND, cycle=cycle))
IN_TURN = f'in {{precision}}, in a run of {TURN} steps of each phase in turn'
row('refinement_over_base_c100', f'a step of the refinement phase, {IN_TURN}: a map of 32 images (DDIM-7, full VGG16) for every 100', 'a step of the base phase', 1.05, 6, True)(phases(100, False))
row('refinement_over_base_c10', f'a step of the refinement phase, {IN_TURN}: a map of 32 images (denoised in one step, quarter-width VGG16) for every 10', 'a step of the base phase', 1.1, 3, True)(phases(10, True))

def fills(bf16):
    from diffusers import RePaintPipeline, RePaintScheduler
    model, n, walk = Diffusion(on_device(training.network().eval()), DDPMScheduler()), 16, dict(steps=20, jump_length=5, jump_n_sample=2)
    x, hole = training.images(n).x.to(device()), make_masks('half', training.SIDE, n).to(device())
    pipe, known, kept = RePaintPipeline(model.net, RePaintScheduler()), to_float(x), (~hole.bool()).float()
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler.set_timesteps(20, 5, 2)
    times = pipe.scheduler.timesteps.tolist()
    many = walk_cost(repaint_walk(**walk))[0], 1 + sum(b < a for a, b in zip(times, times[1:]))
    def ours(): began = time.perf_counter(); ours.found = repaint(model, x, hole, bf16=training.half(), **walk); return (time.perf_counter() - began)/many[0]
    def peer():
        began = time.perf_counter()
        with torch.autocast(device(), torch.bfloat16, enabled=bf16): peer.found = pipe(known, kept, 20, jump_length=5, jump_n_sample=2, output_type='np').images
        return (time.perf_counter() - began)/many[1]
    def apart():
        ours(), peer()
        found = torch.stack([to_float(ours.found.to(device())), torch.from_numpy(peer.found).permute(0, 3, 1, 2).to(device())*2 - 1])
        off = (found - known).abs()/2
        assert many[0] == many[1] and off.isfinite().all() and (off*(1 - kept)).flatten(2).amax(2).min() > 1/255, 'a hole is as it was, or the walks differ'
        return float((off*kept).max())
    return Sides(ours, peer, apart, 1/255, notes=dict(calls_ours=many[0], calls_peer=many[1]))
for bf16 in (False, True):
    row('repaint_vs_diffusers' + bf16*'_bf16', 'filling a hole, for each call of the network: 16 images of 32 px, 20 steps, jumps of 5, twice; ours in {precision}', "diffusers' RePaintPipeline" + bf16*', in bf16 autocast')(partial(fills, bf16))

@row('streamed_over_memory', 'a training step, images read from 512 PNG files as they are needed', 'the same from memory', 1.1, 5, True)
def _():
    where = tempfile.TemporaryDirectory()
    training.files(where.name)
    sets = [load_images(where.name, training.SIDE, **how) for how in (dict(max_bytes=0), {})]
    streamed, peak_memory = (training.ours(steps=40, data=s) for s in sets)
    streamed.kept = where
    return Sides(streamed, peak_memory, lambda: float((image_bytes(sets[0]).int() - image_bytes(sets[1])).abs().max()), 0)

def python(code): return lambda: seconds(lambda: (subprocess.run([sys.executable, '-c', code], check=True), None)[1])

held = dict(ours_gib=None, peer_gib=None)  # by processes of their own
for name, work, code, more in (('import_alone', 'a new Python that says `import selfrefine`, which loads nothing else: at most 3 s are wanted, the ratio is of no account', 'import selfrefine', dict(at_most_s=3)),
                               ('import', 'a new Python that imports what a training loop needs of the package', 'from selfrefine import Ema, Phases, Recipe, SelfRefiner, train', {})):
    row(f'{name}_vs_diffusers', work, 'torch and diffusers', gpu=False)(lambda code=code, more=more: Sides(python(code), python('import torch, diffusers; diffusers.UNet2DModel'), notes=held | more))

MADE = {}

def made(name):
    "A row's sides, made once in a process."
    if name not in MADE: MADE[name] = ROWS[name]['make']()
    return MADE[name]

def once(name, side): return seconds(getattr(made(name), side))

def both(name, rounds): return made(name).both(rounds)

def about(name):
    "How far a row's sides are apart, the work, and the machine's peak, in the quicker of two precisions."
    s = made(name)
    return dict(difference=s.difference and s.difference(), tolerance=s.tolerance), s.flop and s.flop(), s.notes, max(map(matmul_peak, (torch.float32, torch.bfloat16))), s.both is not None

def measure(name, rounds=None):
    "One finished row; each side in a process of its own, or both in one. Raises `AssertionError` where the two do not do the same."
    told = dict(ROWS[name])
    for k in ('make', 'gpu'): told.pop(k)
    told['work'] = told['work'].format(precision='bfloat16' if training.half() else 'float32')
    rounds = rounds or told['rounds']
    apart, flop, notes, peak, together = in_new_process(about, name)
    if apart['difference'] is not None: assert apart['difference'] <= apart['tolerance'], f'the sides differ by {apart["difference"]:.2g}, more than {apart["tolerance"]:.2g}'
    with ProcessPoolExecutor(1, get_context('spawn')) as a, ProcessPoolExecutor(1, get_context('spawn')) as b:
        if together: ours, peer, found = a.submit(both, name, rounds).result()
        else:
            ours, peer = in_turn(lambda: a.submit(once, name, 'ours').result(), lambda: b.submit(once, name, 'peer').result(), rounds)
            found = dict(ours_gib=a.submit(peak_memory).result(), peer_gib=b.submit(peak_memory).result())
    t, u = statistics.median(ours), statistics.median(peer)
    used = {f'{k}_utilisation': flop/v/peak for k, v in (('ours', t), ('peer', u))} if flop else {}
    return told | dict(ratio=t/u if told['at_most'] else u/t, device=device(), rounds=rounds, ours_median_s=t, peer_median_s=u, ours_s=ours, peer_s=peer, peak=peak) | apart | used | found | notes
