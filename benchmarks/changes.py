"What each thing that makes a training step in bfloat16 quick on a CPU is worth: the step without it, in turn with the step as it is."
import os, statistics, tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
import torch
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import Attention
from selfrefine import sampling, training as loop
from selfrefine.diffusion.models import Diffusion
from . import training

@contextmanager
def nothing(*args): yield

def memory_given_back(): loop.keep_memory = lambda: None
def layouts_mixed(): sampling.one_layout = nothing
def softmax_in_float32(): sampling.half_scores = Attention.get_attention_scores
def stock_attention(): loop.explicit_attention = sampling.one_layout
def compiled():
    os.environ['TORCHINDUCTOR_CACHE_DIR'] = tempfile.mkdtemp()  # nothing that was compiled before counts
    return dict(compile=True)
def channels_last():
    layouts_mixed()
    return dict(model=Diffusion(training.network().to(memory_format=torch.channels_last), DDPMScheduler()))

WITHOUT = {'as it is': lambda: None, 'freed memory goes back to the system': memory_given_back, 'layouts as attention leaves them': layouts_mixed, 'softmax by way of float32': softmax_in_float32,
           "diffusers' attention": stock_attention, 'channels last throughout (not kept)': channels_last, 'float32': lambda: dict(bf16=False), 'compiled (on request)': compiled}
MADE = []

def once(name):
    "Seconds of a step, and those until the third step of the first run."
    if not MADE:
        MADE.append(training.ours(**dict(bf16=True) | (WITHOUT[name]() or {})))
        MADE[0]()
        MADE.append(MADE[0].first_stage)
    return MADE[0](), MADE[1]

def effects(rounds=5):
    "For each change the median of its seconds a step, and of its ratios to the step as it is."
    pools = {name: ProcessPoolExecutor(1, get_context('spawn')) for name in WITHOUT}
    try:
        for name, pool in pools.items(): pool.submit(once, name).result()
        found = [{name: pool.submit(once, name).result() for name, pool in pools.items()} for _ in range(rounds)]
    finally:
        for pool in pools.values(): pool.shutdown()
    base = [f['as it is'][0] for f in found]
    lines = [dict(change=name, seconds=statistics.median(f[name][0] for f in found), ratio=statistics.median(f[name][0]/b for f, b in zip(found, base))) for name in WITHOUT]
    gained = statistics.median(f['as it is'][0] - f['compiled (on request)'][0] for f in found)
    start = found[0]['compiled (on request)'][1] - found[0]['as it is'][1]
    return dict(lines=lines, compile_seconds=start, break_even_steps=start/gained if gained > 0 else None)
