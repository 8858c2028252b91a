"Ways to make a map: what each costs, and how far its maps are from the reference's."
import statistics, time
import torch
from selfrefine.data.images import part
from selfrefine.data.randomness import generator
from selfrefine.data.sets import emoji
from selfrefine.diffusion.ema import Ema, ema_sampler, x0_sampler
from selfrefine.diffusion.models import shipped
from selfrefine.experiments.map_drift import map_correlation
from selfrefine.method.highlighter import FlawHighlighter, shipped_highlighter
from selfrefine.method.mfam import mean_map
from . import training

SIDE, TIMES = 32, (300, 500, 700, 900)  # pixels; to which images are noised before one call denoises them
DDIM = ((250, 32), (50, 32), (25, 32), (10, 64), (10, 32), (10, 16), (7, 32), (5, 32))  # steps, images

def timed_map(sampler, highlighter, n, side, seed):
    "A mean map, and its seconds."
    began = time.perf_counter()
    with torch.no_grad(): m = mean_map(highlighter.cams(sampler(n, generator(seed, 'map'))), side)
    return m, time.perf_counter() - began

def ways(ddim, images, ema, full, small, bf16):
    "Every way by name: its sampler, highlighter and number of images."
    found = {f'DDIM-{steps}, {n} images': (ddim(steps), full, n) for steps, n in DDIM}
    x0 = {t: x0_sampler(ema, part(images, 'train'), t, bf16=bf16) for t in TIMES}
    found |= {f'one step from t = {t}, 32 images': (sampler, full, 32) for t, sampler in x0.items()}
    found['DDIM-7, 32 images, quarter width'] = ddim(7), small, 32
    return found | {f'one step from t = {t}, 32 images, quarter width': (s, small, 32) for t, s in x0.items()}

def line(way, sampler, highlighter, n, reference, step, seeds):
    "A way's seconds, its share of a phase at two cycles, and its correlation with the reference map."
    made = [timed_map(sampler, highlighter, n, SIDE, s) for s in seeds]
    r = [map_correlation(m, reference) or 0. for m, _ in made]  # a map without contrast agrees with nothing
    spent = statistics.median(s for _, s in made)
    added = {f'added at cycle {c}, %': 100*spent/(c*step) for c in (10, 100)}
    return dict(way=way, seconds=spent, correlation=statistics.mean(r), lowest=min(r), **added)

def options(seeds=(1, 2, 3), n_reference=256, n_fake=640, epochs=6, only=None):
    "A line for every way, or for those that are named, after one for the reference with other noise."
    images, ema, bf16 = emoji(groups=('portraits', 'smileys')), Ema(shipped()), training.half()
    def ddim(steps): return ema_sampler(ema, steps, bf16=bf16)
    full = FlawHighlighter(images).fit(ddim(10)(n_fake, generator(0, 'map', 7)), epochs=epochs)
    reference, again = (timed_map(ddim(250), full, n_reference, SIDE, s)[0] for s in (100, 101))
    step = statistics.median(training.ours(model=shipped())() for _ in range(3))
    chosen = ways(ddim, images, ema, full, shipped_highlighter(images), bf16)
    lines = [line(w, *chosen[w], reference, step, seeds) for w in only or chosen]
    correlation = map_correlation(again, reference)
    return [dict(way='the reference again, other noise', seconds=None, correlation=correlation, lowest=None), *lines]
