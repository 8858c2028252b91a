"The rows of the table."
import statistics, subprocess, sys, tempfile, time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMScheduler
from selfrefine.applications.inpainting import Walk, make_masks, repaint, repaint_walk, walk_cost
from selfrefine.data.images import image_bytes, to_float, to_uint8
from selfrefine.data.randomness import generator
from selfrefine.data.sets import load_images
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.cpu import keep_memory
from selfrefine.diffusion.ema import Ema, ema_sampler, x0_sampler
from selfrefine.diffusion.models import Diffusion, uvit
from selfrefine.diffusion.sampling import sample_batch
from selfrefine.diffusion.training import train
from selfrefine.evaluation.distances import frechet
from selfrefine.evaluation.features import encoder
from selfrefine.experiments.compute import device
from selfrefine.experiments.training_cost import in_new_process, peak_memory
from selfrefine.method.gradcam import grad_cam, maps_from_cams
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.method.mfam import Guide
from selfrefine.method.phases import Phases, SelfRefiner
from . import training
from .timing import ROWS, Sides, in_turn, matmul_peak, row, seconds
from .turns import ROUND, TURN, Turns, turns

AUTOCAST = ', in bf16 autocast'

def autocast(bf16): return torch.autocast(device(), torch.bfloat16, enabled=bf16)

def channels_first(images): return torch.from_numpy(images).permute(0, 3, 1, 2)

# Training steps

STEP = 'a training step, 32 images of 32 px, with data, optimizer and averaged weights; ours in {precision}'

def against(loop, loss, flop, bf16, **options):
    difference = partial(training.loss_difference, loss)
    return lambda: Sides(training.ours(**options), loop(bf16), difference, 1e-6, flop)

def network_flop(): return training.flop(training.network().to(device()))

DIFFUSERS = training.diffusers_loop, training.diffusers_loss, network_flop
LUCIDRAINS = training.lucidrains, training.lucidrains_loss, None  # another network

def training_rows(peer, description, peer_parts, target, compiled_target):
    "Eager and compiled, and both against the peer in bfloat16."
    for compiled, goal in ((False, target), (True, compiled_target)):
        name, rounds = (f'train_compiled_vs_{peer}', 3) if compiled else (f'train_vs_{peer}', 5)
        work = STEP + compiled*' and compiled'
        row(name, work, description, goal, rounds)(against(*peer_parts, False, compile=compiled))
        in_bf16 = against(*peer_parts, True, compile=compiled)
        row(f'{name}_bf16', work, description + AUTOCAST, None, rounds)(in_bf16)

training_rows('diffusers', "diffusers' example loop, 2.59 M parameters", DIFFUSERS, 1.7, 2.0)
training_rows('lucidrains', 'denoising_diffusion_pytorch.Trainer, 2.61 M parameters', LUCIDRAINS, 2.8, 3.3)

# Sampling

def sampling(bf16, n=32, steps=10):
    net = training.network().eval().to(device())
    model = Diffusion(net, DDIMScheduler())
    pipe = DDIMPipeline(net, DDIMScheduler(timestep_spacing='trailing'))
    pipe.set_progress_bar_config(disable=True)
    def ours():
        keep_memory()
        to_uint8(sample_batch(model, range(n), 'ddim', steps, bf16=training.half()))
    def peer():
        with autocast(bf16): pipe(n, num_inference_steps=steps, output_type='np')
    def difference():
        same_noise = [generator(0, 'sample', index=i) for i in range(n)]
        theirs = channels_first(pipe(n, same_noise, num_inference_steps=steps, output_type='np').images)
        own = to_uint8(sample_batch(model, range(n), 'ddim', steps)).cpu().float()/255
        return float((own - theirs).abs().max())
    return Sides(ours, peer, difference, 1/255, lambda: steps*training.flop(net, False))

SAMPLES = '32 images by DDIM in 10 steps; ours in {precision} and with freed memory kept, compared in float32'
row('sampling_vs_diffusers', SAMPLES, "diffusers' DDIMPipeline", 2.2)(partial(sampling, False))
row('sampling_vs_diffusers_bf16', SAMPLES, "diffusers' DDIMPipeline" + AUTOCAST)(partial(sampling, True))

# Class activation maps

def cams(side):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    torch.backends.cudnn.allow_tf32 = False
    h = FlawHighlighter(side=side).to(device())
    g = torch.Generator().manual_seed(0)
    x = h.preprocess(torch.randint(256, (32, 3, side, side), generator=g, dtype=torch.uint8).to(device()))
    net = FlawHighlighter(side=side).to(device()).net.requires_grad_(True).to(memory_format=torch.contiguous_format)
    peer_cam, plain = GradCAM(net, [net.features[29]]), x.contiguous()
    def own_maps(): return maps_from_cams(grad_cam(h.net, x), side)
    def peer_maps(): return peer_cam(plain, [ClassifierOutputTarget(0)]*len(x))
    def ours(): own_maps()
    def peer(): peer_maps()
    def difference(): return float((own_maps().cpu() - torch.from_numpy(peer_maps())[:, None]).abs().max())
    return Sides(ours, peer, difference, 1e-5)

for side, target in ((64, 2.5), (128, 3.)):
    work = f'Grad-CAM of 32 images of {side} px, full VGG16, float32'
    row(f'gradcam{side}_vs_grad_cam', work, 'pytorch-grad-cam', target)(partial(cams, side))

# Distances and features

def moments(n=4096, d=2048):
    "Means and covariances of two sets of features."
    g = np.random.default_rng(0)
    mix = g.normal(size=(d, d))/d**.5
    sets = [g.normal(size=(n, d)) @ mix + s for s in (0, .1)]
    return [(x.mean(0), np.cov(x, rowvar=False)) for x in sets]

def by_sqrtm(a, b):
    "The textbook form, as in pytorch-fid."
    from scipy import linalg
    (m, s), (n, t) = a, b
    root = linalg.sqrtm(s @ t)
    return float(((m - n)**2).sum() + np.trace(s) + np.trace(t) - 2*np.trace(root).real)

def by_clean_fid(a, b):
    from cleanfid.fid import frechet_distance
    return float(frechet_distance(*a, *b))

def by_torchmetrics(a, b):
    from torchmetrics.image.fid import _compute_fid
    return float(_compute_fid(*map(torch.from_numpy, (*a, *b))))

def distances(f):
    a, b = moments()
    def ours(): frechet(a, b)
    def peer(): f(a, b)
    def difference():
        expected = f(a, b)
        return abs(frechet(a, b) - expected)/expected
    return Sides(ours, peer, difference, 1e-6)

DISTANCE = 'the Fréchet distance of Gaussians of 2,048 features, from means and covariances'
row('frechet_vs_sqrtm', DISTANCE, "scipy's sqrtm", 9., 3, gpu=False)(partial(distances, by_sqrtm))
row('frechet_vs_clean_fid', DISTANCE, 'clean-fid', None, 3, gpu=False)(partial(distances, by_clean_fid))
row('frechet_vs_torchmetrics', DISTANCE, 'torchmetrics', None, 3, gpu=False)(partial(distances, by_torchmetrics))

FEATURES = ("SqueezeNet's features of 512 PNG files of 32 px, resized to 224; "
            'the peer has the same network and resize, and no processes of its own')

@row('features_vs_clean_fid', FEATURES, "clean-fid's reader and loop", rounds=3, gpu=False)
def features():
    from cleanfid.fid import get_folder_features
    folder, squeeze = tempfile.TemporaryDirectory(), encoder('squeezenet')
    training.files(folder.name)
    plain = encoder('squeezenet').network.to(memory_format=torch.contiguous_format)
    def resize(image):
        return squeeze.prepare(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    options = dict(num_workers=0, device=torch.device('cpu'), custom_fn_resize=resize, verbose=False)
    def ours(): ours.found = squeeze.features(load_images(folder.name, training.SIDE))
    def peer(): peer.found = get_folder_features(folder.name, plain, **options)
    def difference():
        ours()
        peer()
        return float((ours.found - torch.from_numpy(peer.found)).abs().max()/ours.found.abs().max())
    ours.folder = folder
    return Sides(ours, peer, difference, 1e-4)

# U-ViT in two precisions

@row('uvit_vs_float32', 'a training step of U-ViT, 32 px, batch 32, in bfloat16', 'the same in float32', 2.2)
def uvit_precisions():
    net, x = uvit(training.SIDE).net.to(device()), to_float(training.images(training.BATCH).x).to(device())
    t = torch.full((len(x),), 500, device=device())
    @torch.no_grad()
    def output(bf16):
        with autocast(bf16): return net(x, t).sample.float()
    def difference():
        exact = output(False)
        return float((output(True) - exact).norm()/exact.norm())
    bf16, float32 = (training.ours(bf16, 9, uvit(training.SIDE)) for bf16 in (True, False))
    return Sides(bf16, float32, difference, .02, lambda: training.flop(net))

# The two phases

def flat(value):
    "A guide whose map has one value in every pixel."
    return Guide('flat', f'{value} everywhere', lambda context: torch.full((1, 1, context.side, context.side), value))

def base(): return Diffusion(training.network(), DDPMScheduler()), training.images()

def first_losses(guide=None):
    "Of three steps of the base phase, or of the refinement phase with a map that is given."
    model, x = base()
    phases = Phases(3, 0)
    refiner = guide and SelfRefiner(model.net, FlawHighlighter(x.x, width=.25), None, phases, guide=guide)
    recipe = Recipe(training.BATCH, 1e-4, 10)
    return torch.tensor(train(model, x, 3, recipe, Ema(model), refiner, progress=False))

def phase_difference():
    "How far the losses of the refinement phase are from the base phase's where the map is empty."
    plain, empty, full = first_losses(), first_losses(flat(0.)), first_losses(flat(1.))
    assert (full - plain).abs().max() > 1e-5, 'a map changes nothing'
    return float((empty - plain).abs().max())

def phases(cycle, cheap):
    def both(rounds):
        model, x = base()
        ema, width, bf16 = Ema(model), .25 if cheap else 1., training.half()
        h = FlawHighlighter(x.x, width=width).to(device()).fit(x.x.flip(1), epochs=1)
        sampler = x0_sampler(ema, x, bf16=bf16) if cheap else ema_sampler(ema, bf16=bf16)
        return turns(model, x, ema, SelfRefiner(model.net, h, sampler, Turns(1, 0, cycle), n_map=32), rounds)
    return Sides(both=both, difference=phase_difference, tolerance=1e-6, notes=dict(steps=ROUND, cycle=cycle))

REFINEMENT = f'a step of the refinement phase, in {{precision}}, in a run of {TURN} steps of each phase in turn: '
C100 = REFINEMENT + 'a map of 32 images (DDIM-7, full VGG16) for every 100'
C10 = REFINEMENT + 'a map of 32 images (denoised in one step, quarter-width VGG16) for every 10'
row('refinement_over_base_c100', C100, 'a step of the base phase', 1.05, 6, True)(partial(phases, 100, False))
row('refinement_over_base_c10', C10, 'a step of the base phase', 1.1, 3, True)(partial(phases, 10, True))

# Inpainting

def repaint_peer(net):
    "diffusers' pipeline for 20 steps, and the calls of the network that its walk has."
    from diffusers import RePaintPipeline, RePaintScheduler
    pipe = RePaintPipeline(net, RePaintScheduler())
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler.set_timesteps(20, 5, 2)
    times = pipe.scheduler.timesteps.tolist()
    return pipe, 1 + sum(b < a for a, b in zip(times, times[1:]))

def inpainting(bf16, n=16):
    model, walk = Diffusion(training.network().eval().to(device()), DDPMScheduler()), Walk(20, 5, 2)
    x, hole = training.images(n).x.to(device()), make_masks('half', training.SIDE, n).to(device())
    (pipe, peer_calls), known, kept = repaint_peer(model.net), to_float(x), (~hole.bool()).float()
    calls = walk_cost(repaint_walk(walk))[0]
    def ours():
        keep_memory()
        began = time.perf_counter()
        ours.found = repaint(model, x, hole, walk, bf16=training.half())
        return (time.perf_counter() - began)/calls
    def peer():
        began = time.perf_counter()
        options = dict(jump_length=5, jump_n_sample=2, output_type='np')
        with autocast(bf16): peer.found = pipe(known, kept, 20, **options).images
        return (time.perf_counter() - began)/peer_calls
    def difference():
        ours()
        peer()
        found = torch.stack([to_float(ours.found).to(device()), (channels_first(peer.found)*2 - 1).to(device())])
        error = (found - known).abs()/2
        changed = (error*(1 - kept)).flatten(2).amax(2).min() > 1/255
        assert calls == peer_calls and error.isfinite().all() and changed, 'a hole is as it was, or the walks differ'
        return float((error*kept).max())
    return Sides(ours, peer, difference, 1/255, notes=dict(calls_ours=calls, calls_peer=peer_calls))

FILLED = ('filling a hole, for each call of the network: 16 images of 32 px, 20 steps, jumps of 5, twice; '
          'ours in {precision} and with freed memory kept')
row('repaint_vs_diffusers', FILLED, "diffusers' RePaintPipeline")(partial(inpainting, False))
row('repaint_vs_diffusers_bf16', FILLED, "diffusers' RePaintPipeline" + AUTOCAST)(partial(inpainting, True))

# Streamed images

STREAMED = 'a training step, images read from 512 PNG files as they are needed'

@row('streamed_over_memory', STREAMED, 'the same from memory', 1.1, 5, True)
def streaming():
    folder = tempfile.TemporaryDirectory()
    training.files(folder.name)
    sets = load_images(folder.name, training.SIDE, max_bytes=0), load_images(folder.name, training.SIDE)
    streamed, from_memory = (training.ours(steps=40, data=s) for s in sets)
    def difference():
        a, b = map(image_bytes, sets)
        return float((a.int() - b).abs().max())
    streamed.folder = folder
    return Sides(streamed, from_memory, difference, 0)

# Imports

def run_python(code): subprocess.run([sys.executable, '-c', code], check=True)

def imports(code, **notes):
    own_processes = dict(ours_gib=None, peer_gib=None)
    ours, peer = partial(run_python, code), partial(run_python, 'import torch, diffusers; diffusers.UNet2DModel')
    return lambda: Sides(ours, peer, notes=own_processes | notes)

ALONE = ('a new Python that says `import selfrefine`, which loads nothing else: at most 3 s are wanted, '
         'the ratio is of no account')
LOOP = 'a new Python that imports what a training loop needs of the package'
alone = imports('import selfrefine', at_most_s=3)
loop = imports('from selfrefine import Ema, Phases, Recipe, SelfRefiner, train')
row('import_alone_vs_diffusers', ALONE, 'torch and diffusers', gpu=False)(alone)
row('import_vs_diffusers', LOOP, 'torch and diffusers', gpu=False)(loop)

# Measuring

MADE = {}

def made(name):
    "A row's sides, made once in a process."
    if name not in MADE: MADE[name] = ROWS[name]['make']()
    return MADE[name]

def once(name, side): return seconds(getattr(made(name), side))

def both(name, rounds): return made(name).both(rounds)

def about(name):
    "What is known of a row's sides before they are timed, and the machine's peak in the quicker of two precisions."
    s = made(name)
    difference, flop = s.difference and s.difference(), s.flop and s.flop()
    peak = max(matmul_peak(torch.float32), matmul_peak(torch.bfloat16))
    return dict(difference=difference, tolerance=s.tolerance), flop, s.notes, peak, s.both is not None

def time_sides(name, rounds, together):
    "The seconds of both sides, and notes; each side in a process of its own, or both in one."
    def new_process(): return ProcessPoolExecutor(1, get_context('spawn'))
    with new_process() as a, new_process() as b:
        if together: return a.submit(both, name, rounds).result()
        def ours(): return a.submit(once, name, 'ours').result()
        def peer(): return b.submit(once, name, 'peer').result()
        times = in_turn(ours, peer, rounds)
        memory = dict(ours_gib=a.submit(peak_memory).result(), peer_gib=b.submit(peak_memory).result())
        return *times, memory

def description(name):
    "A row's entries, without those that are for measuring it."
    entries = {k: v for k, v in ROWS[name].items() if k not in ('make', 'gpu')}
    return entries | dict(work=entries['work'].format(precision='bfloat16' if training.half() else 'float32'))

def measure(name, rounds=None):
    "One finished row; raises `AssertionError` where the two sides do not do the same."
    entries = description(name)
    rounds = rounds or entries['rounds']
    agreement, flop, notes, peak, together = in_new_process(about, name)
    apart, allowed = agreement['difference'], agreement['tolerance']
    assert apart is None or apart <= allowed, f'the sides differ by {apart:.2g}, more than {allowed:.2g}'
    ours, peer, found = time_sides(name, rounds, together)
    t, u = statistics.median(ours), statistics.median(peer)
    used = dict(ours_utilisation=flop/t/peak, peer_utilisation=flop/u/peak) if flop else {}
    medians = dict(ratio=t/u if entries['at_most'] else u/t, device=device(), rounds=rounds, ours_median_s=t,
                   peer_median_s=u, ours_s=ours, peer_s=peer, peak=peak)
    return entries | medians | agreement | used | found | notes
