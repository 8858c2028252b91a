"A pretended GPU: tensors that say `cuda` and are computed on the CPU, and an error wherever two devices meet."
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode

CUDA, CPU = torch.device('cuda', 0), torch.device('cpu')
MIXING = 'copy_', '__set__', '__deepcopy__', '_foreach_copy_', '_has_compatible_shallow_copy_type'  # allowed to
INDEXING = '__getitem__', '__setitem__', 'index_put', 'index_put_'  # a GPU's tensor may be indexed from the CPU
STRICT = 'cat', 'stack', 'matmul', 'mm', 'bmm', 'linear', 'conv2d', 'group_norm', 'embedding'  # also with one number
PROPERTIES = {getattr(torch.Tensor, name).__get__: name for name in ('device', 'is_cuda', 'is_cpu')}

class Generator(torch.Generator):
    "A generator of the CPU that says where it was made for."
    def __new__(cls, device='cpu'):
        made = super().__new__(cls, 'cpu')
        made.at = on(device)
        return made
    device = property(lambda self: self.at)

def on(device): return CUDA if torch.device(device).type == 'cuda' else torch.device(device)

def tensors(x):
    "All tensors in a nest."
    if isinstance(x, torch.Tensor): return [x]
    if isinstance(x, dict): x = list(x.values())
    return [t for part in x for t in tensors(part)] if isinstance(x, (list, tuple)) else []

class PretendedGPU(TorchFunctionMode):
    "Every call of PyTorch passes here. The storages on the GPU are listed; all others are on the CPU."
    def __init__(self):
        super().__init__()
        self.storages = {}
    def __enter__(self):
        self.generator, torch.Generator = torch.Generator, Generator
        return super().__enter__()
    def __exit__(self, *problem):
        torch.Generator = self.generator
        return super().__exit__(*problem)
    def at(self, t):
        "The device that a tensor is said to be on."
        if t.device != CPU or t.layout != torch.strided: return t.device
        return CUDA if t.untyped_storage()._cdata in self.storages else CPU
    def put(self, y):
        "Note that the tensors of a result are on the GPU, and drop storages that are gone."
        for t in tensors(y):
            if self.at(t) == CPU: self.storages[t.untyped_storage()._cdata] = StorageWeakRef(t.untyped_storage())
        if len(self.storages) > 20_000: self.storages = {k: r for k, r in self.storages.items() if not r.expired()}
        return y
    def result_device(self, name, args, given):
        "Where the result of a call is; raises `RuntimeError` where its tensors are on two devices."
        found = [(self.at(t), t) for t in tensors(args[:1] if name in MIXING else [args, given])]
        first, rest = found[0][0] if found else CPU, found[1:]
        if name in INDEXING: mixed, device = any(d != CPU and d != first and t.ndim for d, t in rest), first
        else:
            numbers = [] if name in STRICT else [d for d, t in found if d == CPU and not t.ndim]
            devices = {d for d, t in found if t.ndim or d != CPU or name in STRICT} or set(numbers) or {CPU}
            mixed, device = len(devices) > 1, devices.pop()
        if not mixed: return device
        shapes = ', '.join(f'{tuple(t.shape)} on {d}' for d, t in found[:8])
        raise RuntimeError(f'{name} got tensors on two devices: {shapes}')
    def move(self, f, x, *args, **given):
        "To another device, as a copy, or to another type."
        if f.__name__ != 'to': wanted = on(f.__name__)
        elif args and isinstance(args[0], torch.Tensor): wanted = self.at(args[0])
        else: wanted = torch._C._nn._parse_to(*args, **{k: v for k, v in given.items() if k != 'copy'})[0]
        wanted = self.at(x) if wanted is None else on(wanted)
        if f.__name__ == 'to':
            args = [CPU if isinstance(a, (str, torch.device)) and wanted == CUDA else a for a in args]
            if 'device' in given and wanted == CUDA: given['device'] = CPU
            y = f(x, *args, **given | (dict(copy=True) if wanted != self.at(x) else {}))
        else: y = x if wanted == self.at(x) else x.clone()
        return self.put(y) if wanted == CUDA else y
    def __torch_function__(self, f, types, args=(), kwargs=None):
        given, name = dict(kwargs or {}), f.__name__
        if f in PROPERTIES:
            device = self.at(args[0])
            return device if PROPERTIES[f] == 'device' else device.type == PROPERTIES[f][3:]
        if name in ('to', 'cpu', 'cuda') and isinstance(args[0], torch.Tensor): return self.move(f, *args, **given)
        if name in ('numpy', '__array__') and self.at(args[0]) == CUDA: raise TypeError('this tensor is on the GPU')
        device = self.result_device(name, args, given)
        if given.get('device') is not None: device = on(given['device'])
        if given.get('generator') is not None and given['generator'].device.type != device.type:
            raise RuntimeError(f'{name} on {device} got a generator on {given["generator"].device}')
        if device == CUDA and 'device' in given: given['device'] = CPU
        y = f(*args, **given)
        return self.put(y) if device == CUDA else y
