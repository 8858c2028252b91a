"What stands in the way: the operations of a training step and of a sampling step, beside what the machine can do."
import torch
from diffusers import DDIMScheduler
from torch.profiler import ProfilerActivity, profile as profiler
from torch.utils.flop_counter import FlopCounterMode
from selfrefine.diffusion.models import Diffusion
from selfrefine.diffusion.sampling import sample_batch
from . import training
from .timing import matmul_peak

WARMUP = 3  # steps that are not looked at

def convolution_flop(f):
    with FlopCounterMode(display=False) as counter: f()
    return sum(v for k, v in counter.get_flop_counts()['Global'].items() if 'convolution' in str(k))

def work():
    "FLOP of convolutions in a forward pass, and in a training step."
    net, x = training.network(), torch.randn(training.BATCH, 3, training.SIDE, training.SIDE)
    def step(): net(x, 500).sample.sum().backward()
    return convolution_flop(lambda: net(x, 500)), convolution_flop(step)

def profiled(run):
    "A profile of all of `run` but the first steps, at each of which it calls what it is given."
    p, calls = profiler(activities=[ProfilerActivity.CPU]), []
    def each():
        calls.append(0)
        if len(calls) == WARMUP + 1: p.start()
    run(each)
    p.stop()
    return p

def operations(name, run, times, flop, peak, most):
    "What a step is made of, from a run of some more steps than are looked at."
    events = [e for e in profiled(run).key_averages() if e.self_cpu_time_total > 0]
    events.sort(key=lambda e: -e.self_cpu_time_total)
    def ms(some): return sum(e.self_cpu_time_total for e in some)/times/1000
    convolutions = ms(e for e in events if e.key.startswith('aten::') and 'convolution' in e.key)
    longest = [dict(operation=e.key[:60], ms=ms([e]), calls=e.count//times) for e in events[:most]]
    rates = dict(convolutions_of_peak=flop/(convolutions/1000)/peak, at_peak_ms=flop/peak*1000)
    return dict(name=name, ms=ms(events), convolutions_ms=convolutions, **rates, operations=longest)

def profile(steps=5, most=10):
    "Where the time goes, eager, compiled and in sampling."
    forward, step = work()
    peak = dict(float32=matmul_peak(torch.float32), bfloat16=matmul_peak(torch.bfloat16))
    model = Diffusion(training.network().eval(), DDIMScheduler())
    def train(each): training.ours(steps=steps + WARMUP, each=each)()
    def train_compiled(each): training.ours(steps=steps + WARMUP, each=each, compile=True)()
    def sample(each):
        handle = model.net.register_forward_pre_hook(lambda *args: each())
        sample_batch(model, range(training.BATCH), 'ddim', steps + WARMUP, bf16=training.half())
        handle.remove()
    runs = [('a training step', train, step), ('a training step, compiled', train_compiled, step),
            ('a sampling step', sample, forward)]
    found = [operations(name, run, steps, flop, max(peak.values()), most) for name, run, flop in runs]
    vectors, amx = torch.backends.cpu.get_cpu_capability(), torch.cpu._is_amx_tile_supported()
    return dict(peak=peak, amx=amx, vectors=vectors, runs=found)
