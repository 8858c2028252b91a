"The commands: what they do with real folders, what they say of wrong input, and how they end."
import json, re, shutil, signal, subprocess, sys, time
from pathlib import Path
import pytest
from typer.testing import CliRunner
from selfrefine.commands.cli import app
from selfrefine.data.sets import emoji
from selfrefine.diffusion.models import ddpm, save_model
from selfrefine.diffusion.sampling import write_png
from small import environment

root = Path(__file__).parent.parent
runner = CliRunner()

def call(*arguments):
    "A command in this process: its exit code, stdout and stderr."
    done = runner.invoke(app, list(map(str, arguments)))
    if done.exception and not isinstance(done.exception, SystemExit): raise done.exception
    return done

def rows(done): return {row['metric']: row for row in json.loads(done.stdout)['rows']}

def save(images, folder):
    folder.mkdir(parents=True)
    for i, x in enumerate(images): write_png(x, folder/f'{i:02}.png')
    return folder

@pytest.fixture(scope='module')
def work(tmp_path_factory):
    "Real pictures, samples of a shipped model, and what `highlight` makes of the two."
    d = tmp_path_factory.mktemp('cli')
    real = emoji().x
    save(real[:40], d/'real'), save(real[40:64], d/'held'), save(real[:2], d/'two')
    (d/'empty').mkdir()
    (d/'text.png').write_text('no picture')
    drawn = call('sample', 'ddpm-emoji', '-n', 24, '--steps', 4, '--seed', 3, '--out', d/'fake', '--json')
    assert drawn.exit_code == 0 and json.loads(drawn.stdout) == dict(folders=[str(d/'fake')], n=24)
    small = '--width', .0625, '--epochs', 1
    found = call('highlight', d/'fake', '--real', d/'real', *small, '--out', d/'flaws', '--json')
    assert found.exit_code == 0, found.stderr
    (d/'flaws.json').write_text(found.stdout)
    return d

def test_sample_goes_on(work):
    "More pictures of the same seed: those that are there stay as they are."
    first = {p.name: p.stat().st_mtime_ns for p in (work/'fake').glob('*.png')}
    done = call('sample', 'ddpm-emoji', '-n', 25, '--steps', 4, '--seed', 3, '--out', work/'fake')
    assert done.exit_code == 0 and done.stdout == f'25 pictures in {work/"fake"}\n'
    now = {p.name: p.stat().st_mtime_ns for p in (work/'fake').glob('*.png')}
    assert len(now) == 25 and first.items() <= now.items()

def test_highlight(work):
    "A file, a number with its interval, a heatmap of each picture, a table, a sheet."
    found = json.loads((work/'flaws.json').read_text())
    auc = next(row for row in found['rows'] if row['metric'] == 'auc')
    assert auc['low'] <= auc['value'] <= auc['high']
    assert len(list((work/'flaws/heatmaps/generated').glob('*.png'))) == 24 == len(found['ranking'])
    names = {p.name for p in (work/'flaws').iterdir()}
    assert {'highlighter.safetensors', 'rank.csv', 'rank.png', 'highlight.json'} <= names

def test_repair_several(work):
    "Two folders, each repaired in one of its own, by the model and the highlighter of a run; a judge scores."
    save_model(ddpm(16, channels=(32, 32), layers=1, attention=()), work/'run/model')
    shutil.copy(work/'flaws/highlighter.safetensors', work/'run')
    made = call('highlight', work/'fake', '--real', work/'held', '--width', .0625, '--epochs', 1, '--seed', 1, '--out',
                work/'judge')
    assert made.exit_code == 0, made.stderr
    done = call('repair', work/'two', work/'fake', '--model', work/'run', '--judge',
                work/'judge/highlighter.safetensors', '--out', work/'fixed', '--json')
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row['pictures'] for row in found] == [2, len(list((work/'fake').glob('*.png')))]
    for row in found:
        assert row['repainted'] + row['empty'] >= row['pictures'] and 0 <= row['before'] <= 1
        assert len(list(Path(row['out'], 'pictures').glob('*.png'))) == row['pictures']

def test_evaluate(work):
    "Copies have a low copy ratio, real pictures are nearer than samples; a table and files, too."
    options = '--real', work/'held', '--train', work/'real', '--resamples', 9, '--encoder', 'squeezenet'
    done = call('evaluate', work/'fake', *options, '--out', work/'judged', '--json')
    assert done.exit_code == 0, done.stderr
    fake = rows(done)
    assert list(fake) == ['FD-SqueezeNet', 'KID', 'precision', 'recall', 'copy ratio']
    for row in fake.values(): assert row['low'] <= row['value'] <= row['high']
    assert 'warning: FD-SqueezeNet is not FID' in done.stderr
    assert json.loads((work/'judged/evaluation.json').read_text())['rows'] == list(fake.values())
    copies = call('evaluate', work/'real', *options)
    assert copies.exit_code == 0 and re.search(r'copy ratio +0 ', copies.stdout)

def test_doctor():
    done = call('doctor', '--json')
    found = {row['what'] for row in json.loads(done.stdout)}
    assert {'torch', 'processor', 'bfloat16', 'Inception (FID)', 'flowers102'} <= found

def test_verify(tmp_path):
    "A changed number is found, and the command ends with 1."
    (tmp_path/'reports').mkdir()
    text = (root/'reports/full/table1.json').read_text()
    (tmp_path/'reports/table1.json').write_text(text)
    assert call('verify', '--root', tmp_path).exit_code == 0
    mean = json.loads(text)['rows'][0]['mean']
    (tmp_path/'reports/table1.json').write_text(text.replace(f'"mean": {mean}', f'"mean": {mean + 1}', 1))
    done = call('verify', '--root', tmp_path)
    assert done.exit_code == 1 and 'numbers differ' in done.stderr and 'mean' in done.stderr

WRONG = [  # arguments, and the words that must be said; {d} is the folder of the fixture
    ('sample {d}/none', 'there is no model'),
    ('sample {d}/real', 'is not a diffusers folder'),
    ('sample ddpm-emoji --device tpu9', "there is no device 'tpu9' here"),
    ('sample ddpm-emoji --n 0', 'n must be a whole number of at least 1'),
    ('sample ddpm-emoji --sampler dddim', "did you mean 'ddim'?"),
    ('sample ddpm-emoji --out {d}/real', 'holds images, and no samples.json'),
    ('sample ddpm-emoji --out {d}/text.png', 'give a folder'),
    ('sample ddpm-emoji --prompt cat --out {d}/new', 'was not trained with captions'),
    ('highlight {d}/fake', 'give real pictures, or a fitted highlighter'),
    ('highlight {d}/none --real emoji --out {d}/x', 'no image set'),
    ('highlight {d}/empty --real emoji --out {d}/x', 'no images in'),
    ('highlight {d}/text.png --real emoji --out {d}/x', 'is not a readable zip file'),
    ('highlight {d}/two --real emoji --out {d}/x', 'learns from at least 10'),
    ('highlight {d}/fake --highlighter {d}/text.png --out {d}/x', 'is not a highlighter'),
    ('highlight {d}/fake --real emoji --out {d}/text.png', 'nothing can be written'),
    ('repair {d}/two --model {d}/real', 'holds no highlighter.safetensors'),
    ('repair {d}/two --walk slow', 'walk is one of quick, paper, authors'),
    ('repair {d}/two --area 2 --out {d}/x', 'area must be a number from 0 to 1'),
    ('repair {d}/none --out {d}/x', 'no image set'),
    ('evaluate {d}/none --real emoji', 'no image set'),
    ('evaluate {d}/fake --real {d}/empty', 'no images in'),
    ('evaluate {d}/two --real {d}/real', 'give at least 3'),
    ('evaluate {d}/fake --real emoji --encoder vgg', 'the encoder is one of'),
    ('evaluate {d}/fake --real {d}/held --train {d}/held', 'give images that are in neither'),
    ('verify --root {d}', 'there is no folder'),
    ('refine emoji --set steps', 'NAME=VALUE'),
    ('refine emoji --device cuda:77 --out {d}/x', "there is no device 'cuda:77' here"),
    ('sweep emoji --device cuda:77 --out {d}/x', "there is no device 'cuda:77' here"),
    ('refine {d}/none --out {d}/x', 'no image set'),
    ('sweep {d}/none --out {d}/x', 'no image set')]

@pytest.mark.parametrize('arguments, said', WRONG, ids=[a for a, _ in WRONG])
def test_wrong_input(work, arguments, said):
    "One sentence on stderr, which says what and how to mend it; exit code 1, and nothing on stdout."
    done = call(*arguments.format(d=work).split())
    last = done.stderr.strip().splitlines()[-1]
    assert (done.exit_code, done.stdout) == (1, ''), done.stderr
    assert said in last and 'Traceback' not in done.stderr and last.startswith(f'selfrefine {arguments.split()[0]}: ')

def test_wrong_usage():
    for arguments in (['sampel'], ['sample'], ['evaluate', 'x'], ['sample', 'x', '--seeds', '1'], []):
        done = call(*arguments)
        assert done.exit_code == 2 and 'Traceback' not in done.stderr

def test_home_is_found(work, monkeypatch):
    "~ is the home folder, in inputs and outputs."
    monkeypatch.setenv('HOME', str(work))
    done = call('highlight', '~/two', '--highlighter', '~/flaws/highlighter.safetensors', '--out', '~/home', '--json')
    assert done.exit_code == 0 and (work/'home/rank.csv').exists()

def start(*arguments):
    "A command in a process of its own, which heeds Ctrl-C also where the tests run in the background."
    def heed(): signal.signal(signal.SIGINT, signal.SIG_DFL)
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    return subprocess.Popen([sys.executable, '-m', 'selfrefine', *map(str, arguments)], cwd=root, text=True,
                            env=environment, preexec_fn=heed, **pipes)

@pytest.mark.parametrize('name, code', [('SIGINT', 130), ('SIGTERM', 143)])
def test_stopped(tmp_path, name, code):
    "Ctrl-C and SIGTERM end a command with their code, without a traceback, and every file is complete."
    process = start('sample', 'ddpm-emoji', '-n', 500, '--batch', 1, '--steps', 4, '--out', tmp_path/'s')
    until = time.time() + 180
    while len(list((tmp_path/'s').glob('*.png'))) < 2 and process.poll() is None and time.time() < until: time.sleep(.1)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, ''), err
    assert 'Traceback' not in err
    left = sorted(p.name for p in (tmp_path/'s').iterdir())
    assert 3 <= len(left) < 501 and not [n for n in left if n.startswith('.')]

def test_help_is_quick():
    "No PyTorch, no numpy: the help of a command is there at once, and has an example."
    done = subprocess.run([sys.executable, '-X', 'importtime', '-m', 'selfrefine', 'sample', '--help'], cwd=root,
                          capture_output=True, text=True, env=environment)
    imported = set(re.findall(r'\| +(\w+)', done.stderr))
    assert done.returncode == 0 and 'Example: selfrefine sample' in done.stdout
    assert 'typer' in imported and not {'torch', 'numpy', 'diffusers'} & imported
