"""What each thing that makes a training step in bfloat16 quick on a CPU is worth.

The step without it is timed in turn with the step as it is.
"""
import os, statistics, tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
import torch
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import Attention
from selfrefine.diffusion import cpu, training as loop
from selfrefine.diffusion.models import Diffusion
from . import training

@contextmanager
def nothing(*args): yield

def memory_given_back(): loop.keep_memory = lambda: None
def layouts_mixed(): cpu._one_layout = nothing
def softmax_in_float32(): cpu._half_scores = Attention.get_attention_scores
def stock_attention(): loop.explicit_attention = cpu._one_layout
def in_float32(): return dict(bf16=False)
def compiled():
    os.environ['TORCHINDUCTOR_CACHE_DIR'] = tempfile.mkdtemp()  # nothing that was compiled before counts
    return dict(compile=True)
def channels_last():
    layouts_mixed()
    return dict(model=Diffusion(training.network().to(memory_format=torch.channels_last), DDPMScheduler()))

AS_IT_IS, COMPILED = 'as it is', 'compiled (on request)'
WITHOUT = {
    AS_IT_IS: lambda: None,
    'freed memory goes back to the system': memory_given_back,
    'layouts as attention leaves them': layouts_mixed,
    'softmax by way of float32': softmax_in_float32,
    "diffusers' attention": stock_attention,
    'channels last throughout (not kept)': channels_last,
    'float32': in_float32,
    COMPILED: compiled}
MADE = []

def once(name):
    "Seconds of a step, and those until the third step of the first run."
    if not MADE:
        options = dict(bf16=True) | (WITHOUT[name]() or {})
        MADE.append(training.ours(**options))
        MADE[0]()
        MADE.append(MADE[0].start)
    return MADE[0](), MADE[1]

def effects(rounds=5, names=tuple(WITHOUT)):
    "For each change the median of its seconds a step, and of its ratios to the step as it is."
    pools = {name: ProcessPoolExecutor(1, get_context('spawn')) for name in names}
    def measure_all(): return {name: pool.submit(once, name).result() for name, pool in pools.items()}
    try:
        measure_all()
        found = [measure_all() for _ in range(rounds)]
    finally:
        for pool in pools.values(): pool.shutdown()
    base = [f[AS_IT_IS][0] for f in found]
    def line(name):
        times = [f[name][0] for f in found]
        ratios = [t/b for t, b in zip(times, base)]
        return dict(change=name, seconds=statistics.median(times), ratio=statistics.median(ratios))
    gained = statistics.median(f[AS_IT_IS][0] - f[COMPILED][0] for f in found)
    start = found[0][COMPILED][1] - found[0][AS_IT_IS][1]
    break_even = start/gained if gained > 0 else None
    return dict(lines=[line(name) for name in names], compile_seconds=start, break_even_steps=break_even)
