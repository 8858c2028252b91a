"What stands in the way: the operations of a training step and of a sampling step, beside what the machine can do."
import torch
from diffusers import DDIMScheduler
from torch.profiler import ProfilerActivity, profile as watch
from torch.utils.flop_counter import FlopCounterMode
from selfrefine.diffusion.models import Diffusion
from selfrefine.diffusion.sampling import sample_batch
from . import training
from .timing import matmul_peak

def work():
    "FLOP of convolutions in a forward pass, and in a training step."
    net, x = training.network(), torch.randn(training.BATCH, 3, training.SIDE, training.SIDE)
    def counted(f):
        with FlopCounterMode(display=False) as c: f()
        return sum(v for k, v in c.get_flop_counts()['Global'].items() if 'convolution' in str(k))
    return counted(lambda: net(x, 500)), counted(lambda: net(x, 500).sample.sum().backward())

def watched(run):
    "A profile of all of `run` but the three first steps, at each of which it calls what it is given."
    p, calls = watch(activities=[ProfilerActivity.CPU]), []
    def each():
        calls.append(0)
        if len(calls) == 4: p.start()
    run(each)
    p.stop()
    return p

def operations(name, run, times, flop, peak, most):
    "What a step is made of, from a run of three more steps than are looked at."
    p = watched(run)
    found = sorted((e for e in p.key_averages() if e.self_cpu_time_total > 0), key=lambda e: -e.self_cpu_time_total)
    ms = lambda some: sum(e.self_cpu_time_total for e in some)/times/1000
    convolutions = ms(e for e in found if e.key.startswith('aten::') and 'convolution' in e.key)
    return dict(name=name, ms=ms(found), convolutions_ms=convolutions, convolutions_of_peak=flop/(convolutions/1000)/peak, at_peak_ms=flop/peak*1000,
                operations=[dict(operation=e.key[:60], ms=ms([e]), calls=e.count//times) for e in found[:most]])

def profile(steps=5, most=10):
    "Where the time goes, eager, compiled and in sampling."
    once, step = work()
    peak = {k: matmul_peak(v) for k, v in dict(float32=torch.float32, bfloat16=torch.bfloat16).items()}
    model = Diffusion(training.network().eval(), DDIMScheduler())
    def trained(**options): return lambda each: training.ours(steps=steps + 3, each=each, **options)()
    def sampled(each):
        handle = model.net.register_forward_pre_hook(lambda *args: each())
        sample_batch(model, range(training.BATCH), 'ddim', steps + 3, bf16=training.half())
        handle.remove()
    runs = [('a training step', trained(), step), ('a training step, compiled', trained(compile=True), step), ('a sampling step', sampled, once)]
    return dict(peak=peak, amx=torch.cpu._is_amx_tile_supported(), vectors=torch.backends.cpu.get_cpu_capability(), runs=[operations(n, f, steps, flop, max(peak.values()), most) for n, f, flop in runs])
