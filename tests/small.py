"Small real parts, for tests that compare what several processes compute."
import os, subprocess, sys
from functools import lru_cache
import torch
from selfrefine.data.randomness import generator
from selfrefine.data.images import Images
from selfrefine.data.sets import emoji
from selfrefine.method.highlighter import FlawHighlighter

torch.set_num_threads(1)  # in every process alike, so that results can be equal bit for bit
environment = dict(os.environ, OMP_NUM_THREADS='1', ACCELERATE_USE_CPU='true', CUDA_VISIBLE_DEVICES='')

@lru_cache
def portraits(): return Images(emoji(side=16).x[:48], 'portraits')
def static(n, seed): return torch.randint(256, (n, 3, 16, 16), generator=generator(seed, 'sample'), dtype=torch.uint8)
def highlighter(images): return FlawHighlighter(images, side=64, width=1/16)
def fitted(images): return highlighter(images).fit(static(48, 0), epochs=2)

def same(a, b):
    "Are two nests of tensors, lists and dicts equal bit for bit?"
    if isinstance(a, torch.Tensor): return torch.equal(a, b)
    if isinstance(a, dict): return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)): return len(a) == len(b) and all(map(same, a, b))
    return a == b

def python(*args, **kwargs):
    "Run Python with these arguments in a process of its own; its output is captured, and what it printed given back."
    options = dict(capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment) | kwargs
    done = subprocess.run([sys.executable, *map(str, args)], **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
