"Ways to make a map: what each costs, and how far its maps are from the reference's."
import statistics, time
import torch
from selfrefine.data.randomness import generator
from selfrefine.data.images import part
from selfrefine.data.sets import emoji
from selfrefine.method.highlighter import FlawHighlighter, shipped_highlighter
from selfrefine.method.mfam import mean_map
from selfrefine.diffusion.models import shipped
from selfrefine.experiments.map_drift import map_correlation
from selfrefine.diffusion.ema import Ema, ema_sampler, x0_sampler
from . import training

def made(sampler, highlighter, n, side, seed):
    "A mean map, and its seconds."
    began = time.perf_counter()
    with torch.no_grad(): m = mean_map(highlighter.cams(sampler(n, generator(seed, 'map'))), side)
    return m, time.perf_counter() - began

def options(seeds=(1, 2, 3)):
    "Each way's seconds, its share of a phase at two cycles, and its correlation with the reference map."
    images = emoji(groups=('portraits', 'smileys'))
    half, ema, train_part = training.half(), Ema(shipped()), part(images, 'train')
    ddim = {k: ema_sampler(ema, k, bf16=half) for k in (5, 7, 10, 25, 50, 250)}
    x0 = {t: x0_sampler(ema, train_part, t, bf16=half) for t in (300, 500, 700, 900)}
    full = FlawHighlighter(images).fit(ddim[10](640, generator(0, 'map', 7)), epochs=6)
    small, side = shipped_highlighter(images), 32
    reference, again = (made(ddim[250], full, 256, side, s)[0] for s in (100, 101))
    ways = [(f'DDIM-{k}, {n} images', ddim[k], full, n) for k, n in ((250, 32), (50, 32), (25, 32), (10, 64), (10, 32), (10, 16), (7, 32), (5, 32))]
    ways += [(f'one step from t = {t}, 32 images', x0[t], full, 32) for t in x0]
    ways += [('DDIM-7, 32 images, quarter width', ddim[7], small, 32)] + [(f'one step from t = {t}, 32 images, quarter width', x0[t], small, 32) for t in x0]
    step = statistics.median(training.ours(model=shipped())() for _ in range(3))
    def line(way, sampler, highlighter, n):
        found = [made(sampler, highlighter, n, side, s) for s in seeds]
        r, s = [map_correlation(m, reference) for m, _ in found], statistics.median(t for _, t in found)
        return dict(way=way, seconds=s, correlation=statistics.mean(r), lowest=min(r), **{f'added at cycle {c}, %': 100*s/(c*step) for c in (10, 100)})
    rows = [line(*w) for w in ways]
    return [dict(way='the reference again, other noise', seconds=None, correlation=map_correlation(again, reference), lowest=None)] + rows
