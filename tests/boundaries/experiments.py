"Calls of selfrefine.experiments that must be refused: (call, error, words of its message)."
import json, os
import torch
from selfrefine.data.sets import emoji
from selfrefine.diffusion.sampling import write_png
from selfrefine.experiments.cache import link, read_done, read_file
from selfrefine.experiments.detection import detection, detection_sets
from selfrefine.experiments.flaw_regions import flaws_by_region, top_area
from selfrefine.experiments.human_study import human_study
from selfrefine.experiments.inpainting_report import inpainting
from selfrefine.experiments.localisation_report import localisation_scale
from selfrefine.experiments.map_drift import drift_report, map_drift
from selfrefine.experiments.parameters import check_parameters
from selfrefine.experiments.pipeline import load_samples
from selfrefine.experiments.plots import loss_figure, map_figure, sample_figure
from selfrefine.experiments.arms import check_arm
from selfrefine.experiments.presets import Preset, find_set, settings
from selfrefine.experiments.report import writable_folder
from selfrefine.experiments.table import experiment, model_rows
from selfrefine.experiments.training_cost import measure_models, untrained_model, upscaled_emoji

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    os.environ['SELFREFINE_CACHE'] = str(folder/'cache')
    (folder/'file').touch()
    rows, text = model_rows(['ddpm']), model_rows(['text'])
    for name, captions in dict(plain=None, two=('red heart', 'blue car')).items():
        lines = [{'file_name': f'{i:02}.png'} | (dict(text=captions[i % 2]) if captions else {}) for i in range(30)]
        (folder/name).mkdir()
        for line, image in zip(lines, emoji().x): write_png(image, folder/name/line['file_name'])
        if captions: (folder/name/'metadata.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    cell = 'steps: int = 4\nseeds: list = None\nout: str = ""\noverrides: dict = None'
    def given(injected, parameters=cell, **ranges):
        cells = dict(In=['', parameters, f'# Parameters\n{injected}'])
        exec(f'{parameters}\n{injected}', cells)
        check_parameters(cells, **ranges)
    def broken(name, data):
        made = link('broken', lambda folder: (folder/name).write_bytes(data) and None, file=name, data=repr(data))
        (made/name).write_bytes(data)
        return made
    return globals() | dict(folder=folder, rows=rows, text=text, given=given, broken=broken)

def field(value, error, *words): return f"settings('smoke', {value})", error, list(words)
def table(more, error, *words): return f"experiment('t', rows, 'smoke', {more})", error, list(words)
def parameter(line, error, *words): return f'given({line!r})', error, list(words)

rows = [
    field("lr='1e-3'", TypeError, "lr is float, not '1e-3'"),
    field("lr=float('nan')", ValueError, 'lr must be a number from 1e-09 to 1', 'nan'),
    field("lr=float('inf')", ValueError, 'lr must be'),
    field("lr=0.", ValueError, 'lr must be'),
    field("guidance=float('nan')", ValueError, 'guidance must be'),
    field("guidance=-1.", ValueError, 'guidance must be'),
    field("steps=0", ValueError, 'steps must be a whole number of at least 1, not 0'),
    field("steps=2.5", TypeError, 'steps is int, not 2.5'),
    field("steps=True", TypeError, 'steps is int, not True'),
    field("n=1", ValueError, 'n must be a whole number of at least 2'),
    field("n_fake=9", ValueError, 'n_fake must be a whole number of at least 10'),
    field("n_map=-1", ValueError, 'n_map must be'),
    field("base_steps=0", ValueError, 'base_steps must be'),
    field("first_stage_steps=-2", ValueError, 'first_stage_steps must be'),
    field("bf16='no'", TypeError, 'bf16 is bool'),
    field("bf16=0", TypeError, 'bf16 is bool'),
    field("betas=[.9]", ValueError, 'betas are the two of AdamW'),
    field("betas=[.9, 1.]", ValueError, 'each of betas must be a number from 0'),
    field("betas=[.9, 'x']", ValueError, 'each of betas'),
    field("seeds=[0, 0]", ValueError, 'seeds are different whole numbers', '(0, 0)'),
    field("seeds=[]", ValueError, 'at least one'),
    field("seeds=[.5]", ValueError, 'each of seeds must be a whole number'),
    field("seeds='[0, 1]'", TypeError, 'seeds is tuple', '-y "{seeds: [0, 1]}"'),
    field("seeds=0", TypeError, 'seeds is tuple, not 0'),
    field("sampler='dimm'", ValueError, 'the sampler is one of', "did you mean 'ddim'"),
    field("encoder='squeeznet'", ValueError, 'the encoder is one of auto', "did you mean 'squeezenet'"),
    field("highlighter='lokal'", ValueError, "did you mean 'local'"),
    field("parts='drown'", ValueError, 'the parts is one of given, drawn', "did you mean 'drawn'"),
    field("model='ddmp'", ValueError, 'the model is one of', "did you mean 'ddpm'"),
    field("model=['ddpm']", ValueError, 'the model is one of'),
    field("source=3", TypeError, 'source is str, not 3'),
    field("source=''", TypeError, "source is str, not ''"),
    field("base_folder=''", TypeError, 'base_folder is'),
    field("highlighter_width=2.", ValueError, 'highlighter_width must be a number from 0.015625 to 1'),
    field("step=3", ValueError, "a preset has no 'step'", "did you mean 'steps'"),
    field("base_steps=3, base_folder='x'", ValueError, 'give either base_steps or base_folder, not both'),
    field("overrides='{lr: 1e-3}'", TypeError, 'overrides is a dict', '-y "{overrides: {lr: 1e-3}}"'),
    field("overrides=[1]", TypeError, 'overrides is a dict'),
    field("overrides=dict(lt=1)", ValueError, "a preset has no 'lt'"),
    field("overrides=dict(lr='fast')", TypeError, "lr is float, not 'fast'"),
    field("steps=3, overrides=dict(steps=4)", ValueError, 'steps is 3 already'),
    ("settings('smok')", ValueError, ['presets are smoke', "did you mean 'smoke'"]),
    ("settings(None)", ValueError, ['presets are smoke']),
    ("settings(['smoke'])", ValueError, ['presets are smoke']),
    ("Preset(**dict(vars(settings('smoke')), steps='4'))", TypeError, ["steps is int, not '4'"]),
    ("Preset(**dict(vars(settings('smoke')), seeds=[0]))", TypeError, ['seeds is tuple, not [0]']),
    ("check_arm('base', 'ddmp')", ValueError, ["did you mean 'ddpm'"]),
    ("model_rows(['ddmp'])", ValueError, ['the model is one of', "did you mean 'ddpm'"]),
    *((f'{call}(rows)', TypeError, ['table must be an object of Table, not list']) for call in
      ('sample_figure', 'map_figure', 'loss_figure', 'drift_report', 'flaws_by_region', 'human_study')),
    ("check_arm('bose')", ValueError, ['arms are base']),
    ("find_set(['nowhere'], '', 'huge')", ValueError, ['presets are']),
    parameter('step = 5', ValueError, "no parameter 'step'", "did you mean 'steps'", 'it has steps, seeds'),
    parameter('ouput = "mine"', ValueError, "no parameter 'ouput'", "did you mean 'out'"),
    parameter('lr = 0.001', ValueError, "no parameter 'lr'", '-y "{overrides: {lr: ...}}"'),
    parameter('seeds = "[0, 1]"', TypeError, 'the parameter seeds is list', '-y "{seeds: [0, 1]}"'),
    parameter('seeds = 0', TypeError, 'the parameter seeds is list, not 0'),
    parameter('steps = 1.5', TypeError, 'the parameter steps is int'),
    parameter('overrides = "{lr: 1}"', TypeError, '-y "{overrides: {lr: 1}}"'),
    ("given('steps = 0', steps=(1, 9))", ValueError, ['steps must be a whole number from 1 to 9']),
    table("folder/'file'", OSError, 'nothing can be written there', 'name another folder'),
    table("folder/'file/below'", OSError, 'nothing can be written there'),
    table("folder, stepz=1", ValueError, "no 'stepz'"),
    table("folder, source='emojis'", FileNotFoundError, 'no image set'),
    table("folder, encoder='fid'", ValueError, 'the encoder is one of'),
    ("experiment('t', [], 'smoke', folder)", ValueError, ['a table has no rows']),
    ("experiment('t', [dict(arm='base')], 'smoke', folder)", ValueError, ['a row is a dict with "method" and "arm"']),
    ("experiment('t', ['base'], 'smoke', folder)", ValueError, ['a row is a dict']),
    ("experiment('t', [dict(method='x', arm='bose')], 'smoke', folder)", ValueError, ['arms are']),
    ("experiment('t', text, 'smoke', folder, source=str(folder/'plain'))", ValueError, ['plain has no captions']),
    ("experiment('t', text, 'smoke', folder, source=str(folder/'two'))", ValueError,
     ['captions of two', '2 different captions are too few for 16 choices', 'more samples with n=']),
    ("detection('t', detection_sets('emoji'), 'smoke', folder/'file')", OSError, ['nothing can be written there']),
    ("inpainting('t', rows[:1], 'smoke', folder, masks='wide')", ValueError, ['one model']),
    ("localisation_scale('smoke', [])", ValueError, ['no image set']),
    ("localisation_scale('smoke', ['emoji'], local=[.5])", ValueError, ['local is a width and a number of steps']),
    ("localisation_scale('smoke', ['emoji'], n=1)", ValueError, ['n must be a whole number of at least 2']),
    ("measure_models(['ddpm', 'ddmp'])", ValueError, ["did you mean 'ddpm'"]),
    ("upscaled_emoji(0)", ValueError, ['at least 1 pixel']),
    ("untrained_model('gan', 32)", ValueError, ['gan']),
    ("top_area(torch.zeros(1, 1, 4, 4))", ValueError, ['same everywhere']),
    ("top_area(torch.rand(1, 1, 4, 4), 2)", ValueError, ['between 0 and 1']),
    ("map_drift({})", ValueError, ['there are no maps']),
    ("read_done(broken('a.json', b'{}')/'none')", ValueError, ['none', 'delete this folder']),
    ("read_file(broken('a.json', b'[1, '), 'a.json')", ValueError, ['broken-', 'delete this folder']),
    ("read_file(broken('b.json', b'\\xff\\xfe'), 'b.json')", ValueError, ['broken-', 'delete this folder']),
    ("read_file(broken('a.safetensors', b'xx'), 'a.safetensors')", ValueError, ['broken-', 'delete this folder']),
    ("load_samples(folder, 16)", ValueError, ['is damaged', 'delete this folder']),
    ("writable_folder(folder/'file')", OSError, ['nothing can be written there'])]
