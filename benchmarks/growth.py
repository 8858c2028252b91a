"How a step and a map grow with what they are made of; every point in a process of its own, so that its memory is its own."
import json, os, tempfile
from pathlib import Path
import torch
from accelerate import PartialState, debug_launcher
from diffusers import DDPMScheduler
from selfrefine.experiments.training_cost import in_new_process, peak_memory
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.diffusion.models import Diffusion
from selfrefine.diffusion.ema import Ema, ema_sampler
from . import training
from .maps import made
from .timing import seconds

SIDE, BATCH, MAP, PROCESSES = 'image side, a step', 'batch, a step', 'images behind a map', 'processes sharing the cores, a step'
POINTS = {SIDE: (16, 32, 64, 96), BATCH: (8, 16, 32, 64, 128), MAP: (8, 16, 32, 64, 128), PROCESSES: (1, 2)}

def shared(file, steps):
    "What each of several processes does: its part of the batch, on its part of the cores."
    spent = seconds(training.ours(steps=steps))
    if PartialState().is_main_process: Path(file).write_text(json.dumps(dict(seconds=spent, memory=peak_memory())))

def point(what, value, steps=8):
    "Seconds, and the largest memory of the (first) process in GiB."
    if what == PROCESSES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder)/'point.json'
            os.environ['OMP_NUM_THREADS'] = str(max(1, os.cpu_count()//value))  # which accelerate heeds
            torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))
            debug_launcher(shared, (file, steps), value)
            return dict(what=what, value=value, **json.loads(file.read_text()))
    if what == MAP:
        maker, h = ema_sampler(Ema(Diffusion(training.network(), DDPMScheduler())), bf16=training.half()), FlawHighlighter(side=training.SIDE*2)
        made(maker, h, value, training.SIDE, 0)
        spent = made(maker, h, value, training.SIDE, 1)[1]
    else:
        side = value if what == SIDE else training.SIDE
        spent = seconds(training.ours(steps=steps, model=Diffusion(training.network(side), DDPMScheduler()), data=training.images(256, side), batch=value if what == BATCH else training.BATCH))
    return dict(what=what, value=value, seconds=spent, memory=peak_memory())

def points(): return [in_new_process(point, what, v) for what, values in POINTS.items() for v in values]
