"Calls of selfrefine.diffusion's training that must be refused: (call, error, words of its message)."
import os, pickle, zipfile
from dataclasses import replace
from pathlib import Path
import torch
from selfrefine.data.sets import emoji
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.method.phases import Phases, SelfRefiner
from selfrefine.diffusion.checkpoints import load_checkpoint, Recipe, Record, resume, save_checkpoint
from selfrefine.diffusion.ema import Ema
from selfrefine.diffusion.models import ddpm
from selfrefine.diffusion.run_folder import occupied
from selfrefine.diffusion.training import caption_reader, draw_step, learning_rate, make_accelerator, train

nan, inf = float('nan'), float('inf')

def damaged(folder, whole):
    "Write files that are no checkpoint, each in its own way."
    files = dict(empty=b'', text=b'404 not found', cut=whole[:-300], head=whole[:100])
    files['flipped'] = whole[:900] + b'\xff' + whole[901:]
    for name, data in files.items(): (folder/name).write_bytes(data)
    short = dict(step=2, losses=[1.], seconds=0., net={}, recipe={})
    for name, content in dict(list=[1], other=dict(step=1), short=short).items(): torch.save(content, folder/name)
    for name, data in dict(nothing=b'', stop=b'.', deep=b'\x80\x02' + b'('*3000, code=pickle.dumps(os.system)).items():
        with zipfile.ZipFile(folder/'whole') as old, zipfile.ZipFile(folder/name, 'w') as new:
            for f in old.namelist(): new.writestr(f, data if f.endswith('data.pkl') else old.read(f))

def names(folder):
    "What the calls may use: a small run, and a folder with files that are no checkpoints."
    faces, model, recipe = emoji(side=16), ddpm(16), Recipe(batch=4)
    explains = FlawHighlighter(faces.x[:40], side=64, width=1/16)
    def draw(n, generator): return faces.x[:n]
    def refiner(model): return SelfRefiner(model.net, explains, draw, Phases(8, 4), attention_weight=0.)
    def run(model=model, images=faces, steps=1, recipe=recipe, ema=None, **how):
        return train(model, images, steps, recipe, ema or Ema(model), progress=False, **how)
    state = dict(step=1, recipe=vars(recipe), losses=[.5], seconds=1., net=model.net.state_dict())
    torch.save(state, folder/'whole')
    damaged(folder, (folder/'whole').read_bytes())
    other = dict(half=dict(state, net={k: v.half() for k, v in state['net'].items()}), narrow=dict(state, net={}))
    for name, content in other.items(): torch.save(content, folder/name)
    texts, frozen = ddpm(16), ddpm(16)
    frozen.net.requires_grad_(False)
    texts.tokenizer = lambda *args, **options: None
    return globals() | locals()

def recipes():
    "Rows for every field of a recipe and each kind of wrong value."
    unfit = ['nan', 'inf', '-1', "'1'", 'None', 'True', '[1]']
    number = dict.fromkeys(('batch', 'lr', 'warmup', 'weight_decay', 'clip', 'ema', 'drop'), unfit)
    number |= dict(seed=[v for v in unfit if v != '-1'] + ['.5'])
    more = dict(batch=['0', '2.5'], lr=['0'], clip=['0'], ema=['1'], drop=['1.1'], warmup=['1.5'])
    for name, values in number.items():
        for v in values + more.get(name, []): yield f'Recipe({name}={v})', ValueError, [f'{name} must be a', 'not']
    for v in ('(.9,)', '.9', 'None', "'ab'", '[]'): yield f'Recipe(betas={v})', ValueError, ['betas are two numbers']
    for v in ('(.9, 1.)', '(nan, .9)', "('a', .9)"):
        yield f'Recipe(betas={v})', ValueError, ['each of the betas must be']
    for v in ("'no'", '1', 'None'): yield f'Recipe(bf16={v})', ValueError, ['bf16 is one of True, False']
    yield "Recipe(decay='cosin')", ValueError, ["did you mean 'cosine'"]
    yield 'Recipe(learning_rate=1)', TypeError, ["a recipe has no 'learning_rate'"]
    yield 'Recipe(warmups=1)', TypeError, ["did you mean 'warmup'"]

def checkpoints():
    "Rows for every damaged file."
    for name in ('empty', 'text', 'cut', 'head', 'flipped', 'nothing', 'stop', 'deep', 'code'):
        yield f"load_checkpoint(folder/'{name}', recipe)", ValueError, [name, 'not a readable checkpoint', 'delete it']
        yield f"resume(folder/'{name}', recipe, {{}})", ValueError, [name, 'is not a readable checkpoint']
    for name in ('list', 'other', 'short'):
        yield f"load_checkpoint(folder/'{name}', recipe)", ValueError, [name, 'was not written by this trainer']
    for name in ('half', 'narrow'):
        yield f"resume(folder/'{name}', recipe, dict(net=model.net))", ValueError, [name, 'holds another model', 'net:']

rows = [
    *recipes(), *checkpoints(),
    ("load_checkpoint(folder/'none', recipe)", FileNotFoundError, ['there is no checkpoint', 'none']),
    ('load_checkpoint(folder, recipe)', ValueError, ['is not a readable checkpoint']),
    ("load_checkpoint(folder/'whole', Recipe(batch=8))", ValueError, ['batch: 4 then, 8 now', 'force=True']),
    ("save_checkpoint(folder/'whole/a.pt', {})", OSError, ['could not be written']),
    ("save_checkpoint(None, {})", TypeError, ['a checkpoint is given as a text or a Path', 'None']),
    ("Record(folder/'new', recipe, dict(net=torch.nn.Linear(10**8, 10**8, device='meta')))", OSError,
     ['MiB', 'free some space']),
    ('learning_rate(recipe, -1, 10)', ValueError, ['step must be', '-1']),
    ('learning_rate(recipe, 1, 0)', ValueError, ['total must be', '0']),
    ('learning_rate(None, 1, 10)', TypeError, ['recipe must be an object of Recipe', 'NoneType']),
    ('draw_step(dict(seed=1), 1, (3, 4, 4), 10)', TypeError, ['recipe must be an object of Recipe', 'dict']),
    ('draw_step(recipe, -1, (3, 4, 4), 10)', ValueError, ['step must be', '-1']),
    ('draw_step(recipe, 1, (3, 4, 4), 0)', ValueError, ['timesteps must be', '0']),
    ('draw_step(recipe, 1, 3, 10)', TypeError, ['shape must be', 'int']),
    ('caption_reader(texts, None, recipe)', ValueError, ['trained on captions', 'captions=[...]']),
    ("with occupied(folder/'whole'): pass", OSError, ['whole cannot hold checkpoints', 'another folder']),
    ("run(folder=folder/'whole')", OSError, ['whole cannot hold checkpoints']),
    ("run(folder=folder/'whole/deeper')", OSError, ['cannot hold checkpoints']),
    *((f'run(steps={v})', ValueError, ['steps must be a whole number', v])
      for v in ('0', '-1', '2.5', "'3'", 'None', 'nan')),
    *((f'run(every={v})', ValueError, ['every must be a whole number', v]) for v in ('0', '-1', '2.5', 'None')),
    ('run(model=model.net)', TypeError, ['model must be', 'UNet2DModel']),
    ('run(images=faces.x)', TypeError, ['images must be', 'Tensor']),
    ('run(images=None)', TypeError, ['images must be', 'NoneType']),
    ('run(images=emoji(side=32))', ValueError, ['32', '16']),
    ('run(model=frozen)', ValueError, ['are frozen, so nothing would be trained', 'requires_grad_(True)']),
    ('run(recipe=dict(batch=4))', TypeError, ['recipe must be', 'dict']),
    ('run(ema=3)', TypeError, ['ema must be', 'int']),
    ('run(ema=Ema(ddpm(16)))', ValueError, ['another network', 'Ema(model)']),
    ('run(refiner=explains)', TypeError, ['refiner must be', 'FlawHighlighter']),
    ('run(refiner=refiner(ddpm(16)))', ValueError, ['another network', 'model.net']),
    ("run(loss_fn='mse')", TypeError, ['loss_fn must be a function', 'mse']),
    ('run(folder=3)', TypeError, ['folder is given as']),
    ("run(tracker='tensorbord', folder=folder)", ValueError, ["did you mean 'tensorboard'"]),
    ("run(tracker='tensorboard')", ValueError, ['give `folder`']),
    ('run(tracker=3, folder=folder)', TypeError, ['tracker must be', 'int']),
    ("run(tracker='aim', folder=folder)", ImportError, ['aim is not installed', 'pip install']),
    ("run(compile='inducter')", ValueError, ["did you mean 'inductor'"]),
    ('run(compile=2)', TypeError, ['compile must be', 'int']),
    ("os.environ['ACCELERATE_MIXED_PRECISION'] = 'fp16'\ntry: make_accelerator()\n"
     "finally: del os.environ['ACCELERATE_MIXED_PRECISION']", ValueError, ['float32 or bfloat16', 'fp16']),
]
