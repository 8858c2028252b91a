"A person's folder of pictures: refined by one command, killed and continued, loaded where only diffusers is."
import json, signal, subprocess, sys, time
import pytest
from PIL import Image
from small import environment, python
from selfrefine.data.sets import emoji

TINY = dict(width=16, batch=8, warmup=2, bf16=False, base=8, further=6, cycle=3, n_map=4, map_steps=2, n_fake=20,
            epochs=1, highlighter_width=1/16, n=8, sampler_steps=2, moments=2, n_curve=4)
SCRIPT = """
import json, sys, torch
from selfrefine.commands.refine import refine
torch.set_num_threads(1)
data, out, start = sys.argv[1:4]
refine(data, out, start, side=16, device='cpu', overrides=json.loads(sys.argv[4]))
"""

@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('holiday')
    for i, x in enumerate(emoji(side=16).x[:60]): Image.fromarray(x.permute(1, 2, 0).numpy()).save(folder/f'{i}.png')
    return folder

def command(data, out, start='', **changed):
    return [sys.executable, '-c', SCRIPT, str(data), str(out), str(start), json.dumps(TINY | changed)]

def finish(*args, **changed):
    "Run to the end; gives what it said."
    how = dict(env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    done = subprocess.run(command(*args, **changed), **how)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr

def start_until(arrived, number, *args):
    "Run until something is there, and end it by a signal; gives what it said and its exit code."
    how = dict(env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command(*args), **how) as running:
        began = time.time()
        while running.poll() is None and not arrived() and time.time() - began < 300: time.sleep(.02)
        running.send_signal(number)
        words = running.communicate()[1]
    return words, running.returncode

def rows(out): return json.loads((out/'result.json').read_text())['rows']

@pytest.fixture(scope='module')
def whole(pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp('runs')/'whole'
    finish(pictures, out)
    return out

def test_killed_and_continued(pictures, whole, tmp_path):
    "Ended by SIGTERM in the base phase and killed in the refined arm, a run gives the same model, rows and samples."
    out = tmp_path/'run'
    words, code = start_until(lambda: any(out.glob('run/curve-base-*4.json')), signal.SIGTERM, pictures, out)
    assert code == 143 and 'the same command goes on from there' in words
    words, code = start_until(lambda: any(out.glob('run/curve-refined-*.json')), signal.SIGKILL, pictures, out)
    assert code == -9
    finish(pictures, out)
    assert rows(out) == rows(whole)
    for name in ('model/unet/diffusion_pytorch_model.safetensors', 'samples/00000003.png', 'curve.csv'):
        assert (out/name).read_bytes() == (whole/name).read_bytes(), name

def test_stock_diffusers_loads_the_model(whole):
    "In a process that cannot import this package."
    script = """
import sys
sys.modules['selfrefine'] = None
from diffusers import DiffusionPipeline
pipe = DiffusionPipeline.from_pretrained(sys.argv[1])
pipe.set_progress_bar_config(disable=True)
assert pipe(num_inference_steps=2).images[0].size == (16, 16)
"""
    python('-c', script, whole/'model')

def test_refined_from_any_folder(pictures, whole, tmp_path):
    "A run begins from another one's model, and both arms start there: there is no base phase."
    finish(pictures, tmp_path/'second', whole/'model', base=0)
    card = (tmp_path/'second/README.md').read_text()
    assert f'From {whole/"model"}' in card and '| base | 0 |' in card
    assert not (tmp_path/'second/run/base').exists()

def test_trackers_have_loss_kid_images_and_maps(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    tags = {}
    for folder in {f.parent for f in whole.glob('run/refined/**/events.out.tfevents.*')}:
        events = EventAccumulator(str(folder))
        events.Reload()
        for kind in ('scalars', 'images'): tags.setdefault(kind, set()).update(events.Tags()[kind])
    assert {'loss', 'kid'} <= tags['scalars']
    assert {'map', 'samples'} <= {name.partition('/')[0] for name in tags['images']}
