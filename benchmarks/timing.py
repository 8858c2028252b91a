"Two sides of the same work, timed in turn."
import time
from dataclasses import dataclass, field
from functools import lru_cache
import torch

ROWS = {}

@dataclass
class Sides:
    "What a row compares."
    ours: callable = None  # does the work once; returns its seconds, or None to be timed from outside
    peer: callable = None
    difference: callable = None  # gives how far the two sides' results are apart, where they can be compared
    tolerance: float | None = None  # allowed
    flop: callable = None  # gives the work's, where both sides have the same network
    notes: dict = field(default_factory=dict)  # more to write down
    both: callable = None  # in place of the two: rounds -> the seconds of each side, and notes

def row(name, work, peer, target=None, rounds=5, at_most=False, gpu=True):
    """Register what makes a row's `Sides`.

    `at_most`: the ratio is ours over the peer's, and the target its upper bound; `gpu`: a GPU would do the work.
    """
    def register(make):
        ROWS[name] = dict(name=name, work=work, peer=peer, target=target, rounds=rounds, at_most=at_most, gpu=gpu,
                          make=make)
        return make
    return register

def synchronize():
    if torch.cuda.is_available(): torch.cuda.synchronize()

def seconds(f):
    "The seconds of one call, or what it returns itself."
    synchronize()
    began = time.perf_counter()
    own = f()
    synchronize()
    return time.perf_counter() - began if own is None else own

def in_turn(a, b, rounds):
    "Both sides' seconds, each going first in every other round; of more than two rounds a first call does not count."
    times = [], []
    if rounds > 2: seconds(a), seconds(b)
    for r in range(rounds):
        for side in ((0, 1), (1, 0))[r % 2]: times[side].append(seconds((a, b)[side]))
    return times

@lru_cache
def matmul_peak(dtype, rounds=7):
    "The best rate of a square matrix product, FLOP per second."
    n, device = (8192, 'cuda') if torch.cuda.is_available() else (2048, 'cpu')
    a, b = (torch.randn(n, n, dtype=dtype, device=device) for _ in range(2))
    def product(): torch.mm(a, b)
    return 2*n**3/min(seconds(product) for _ in range(rounds))
