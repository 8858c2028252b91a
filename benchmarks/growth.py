"How a step and a map grow with what they are made of; every point has a process, and thus memory, of its own."
import json, os, tempfile
from pathlib import Path
import torch
from accelerate import PartialState, debug_launcher
from diffusers import DDPMScheduler
from selfrefine.diffusion.ema import Ema, ema_sampler
from selfrefine.diffusion.models import Diffusion
from selfrefine.experiments.training_cost import in_new_process, peak_memory
from selfrefine.method.highlighter import FlawHighlighter
from . import training
from .maps import timed_map
from .timing import seconds

SIDE, BATCH, MAP = 'image side, a step', 'batch, a step', 'images behind a map'
PROCESSES = 'processes sharing the cores, a step'
POINTS = {SIDE: (16, 32, 64, 96), BATCH: (8, 16, 32, 64, 128), MAP: (8, 16, 32, 64, 128), PROCESSES: (1, 2)}

def train_part(file, steps):
    "What each of several processes does: its part of the batch, on its part of the cores."
    spent = seconds(training.ours(steps=steps))
    if PartialState().is_main_process: Path(file).write_text(json.dumps(dict(seconds=spent, memory=peak_memory())))

def by_processes(n, steps):
    "The first process's seconds and memory, where n share the cores."
    with tempfile.TemporaryDirectory() as folder:
        file, threads = Path(folder)/'point.json', max(1, os.cpu_count()//n)
        os.environ['OMP_NUM_THREADS'] = str(threads)  # which accelerate heeds
        torch.set_num_threads(threads)
        debug_launcher(train_part, (file, steps), n)
        return json.loads(file.read_text())

def of_map(n):
    "The seconds of a map of n images."
    ema = Ema(Diffusion(training.network(), DDPMScheduler()))
    sampler, highlighter = ema_sampler(ema, bf16=training.half()), FlawHighlighter(side=training.SIDE*2)
    timed_map(sampler, highlighter, n, training.SIDE, 0)
    return timed_map(sampler, highlighter, n, training.SIDE, 1)[1]

def of_step(side, batch, steps):
    "The seconds of a training step."
    model = Diffusion(training.network(side), DDPMScheduler())
    return seconds(training.ours(steps=steps, model=model, data=training.images(256, side), batch=batch))

def point(what, value, steps=8):
    "Seconds, and the largest memory of the (first) process in GiB."
    start = dict(what=what, value=value)
    if what == PROCESSES: return start | by_processes(value, steps)
    if what == MAP: spent = of_map(value)
    if what == SIDE: spent = of_step(value, training.BATCH, steps)
    if what == BATCH: spent = of_step(training.SIDE, value, steps)
    return start | dict(seconds=spent, memory=peak_memory())

def points(): return [in_new_process(point, what, value) for what, values in POINTS.items() for value in values]
