"How a step and a map grow with what they are made of; every point in a process of its own, so that its memory is its own."
from diffusers import DDPMScheduler
from selfrefine.footprint import alone, memory
from selfrefine.highlighter import FlawHighlighter
from selfrefine.models import Diffusion
from selfrefine.training import Ema, ema_sampler
from . import training
from .maps import made
from .timing import seconds

STEP, MAP = ('image side, a step', 'batch, a step'), 'images behind a map'
POINTS = {STEP[0]: (16, 32, 64, 96), STEP[1]: (8, 16, 32, 64, 128), MAP: (8, 16, 32, 64, 128)}

def point(what, value):
    "Seconds, and the process's largest memory in GiB."
    if what == MAP:
        maker, h = ema_sampler(Ema(Diffusion(training.network(), DDPMScheduler())), 10, bf16=True), FlawHighlighter(side=training.SIDE*2)
        made(maker, h, value, training.SIDE, 0)
        spent = made(maker, h, value, training.SIDE, 1)[1]
    else:
        side = value if what == STEP[0] else training.SIDE
        spent = seconds(training.ours(steps=8, model=Diffusion(training.network(side), DDPMScheduler()), data=training.images(256, side), batch=value if what == STEP[1] else training.BATCH))
    return dict(what=what, value=value, seconds=spent, memory=memory())

def points(): return [alone(point, what, v) for what, values in POINTS.items() for v in values]
