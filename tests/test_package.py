"The wheel alone, an editable install beside a folder of the same name, and what an import needs."
import importlib.util, json, os, re, shutil, subprocess, sys, tomllib, venv, zipfile
from pathlib import Path
import pytest
import yaml
import selfrefine

root = Path(__file__).parents[1]
SOURCES = 'selfrefine', 'pyproject.toml', 'README.md', 'LICENSE', 'NOTICE', 'CHANGELOG.md', 'CITATION.cff'
UNIX = 'resource', 'fcntl', 'pwd', 'grp', 'termios', 'tty', 'pty', 'posix', 'syslog', 'crypt', 'readline'

def run(*command, **options):
    "Run a command outside the checkout, without this session's paths."
    own = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'SELFREFINE_CACHE')}
    how = dict(capture_output=True, text=True, stdin=subprocess.DEVNULL, env=own) | options
    done = subprocess.run([*map(str, command)], **how)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout

def has(package): return importlib.util.find_spec(package) is not None

@pytest.fixture(scope='module')
def clone(tmp_path_factory):
    "What a wheel is built from, in a folder named as the package is."
    clone = tmp_path_factory.mktemp('work')/'selfrefine'
    clone.mkdir()
    for name in SOURCES:
        if (root/name).is_dir(): shutil.copytree(root/name, clone/name, ignore=shutil.ignore_patterns('__pycache__'))
        else: shutil.copy(root/name, clone)
    return clone

@pytest.fixture(scope='module')
def python(tmp_path_factory):
    "A fresh environment: the dependencies of this one, and not this one's selfrefine."
    folder = tmp_path_factory.mktemp('environment')
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
    site = Path(run(python, '-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])').strip())
    own = [p for p in sys.path if p.endswith('site-packages')]
    (site/'dependencies.pth').write_text('\n'.join(own))  # an entry is a folder, whose own .pth files are not read
    return python

def backend():
    "Skip where there is nothing to build with; nothing is fetched here."
    for package in ('hatchling', 'build', 'pip'):
        if not has(package): pytest.skip(f'{package} is not installed: pip install hatchling build')

@pytest.fixture(scope='module')
def wheel(clone):
    "Built from the source archive, which is built from the clone."
    backend()
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', clone.parent/'dist', clone)
    return next((clone.parent/'dist').glob('*.whl'))

def install(python, *what):
    run(sys.executable, '-m', 'pip', '--python', python, 'install', '-q', '--no-deps', '--no-build-isolation',
        '--no-index', '--force-reinstall', *what)

def test_wheel_is_complete(wheel):
    "Every file of the package, and nothing else but its own description."
    packed = {n for n in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in n}
    there = {str(f.relative_to(root)) for f in (root/'selfrefine').rglob('*') if f.is_file() and f.suffix != '.pyc'}
    assert packed == there and 'selfrefine/py.typed' in packed
    named = {n.rpartition('/')[2] for n in zipfile.ZipFile(wheel).namelist() if '.dist-info/' in n}
    assert {'LICENSE', 'NOTICE', 'METADATA', 'entry_points.txt'} <= named

SMOKE = '''
import sys, time
began = time.perf_counter()
import selfrefine
seconds = time.perf_counter() - began
assert 'torch' not in sys.modules and seconds < 1, seconds
from selfrefine import emoji, encoder, repair, sample, shipped, shipped_highlighter
assert len(emoji()) == 1115
model, highlighter = shipped(), shipped_highlighter()
images = sample(model, 2, steps=2)
maps = highlighter.maps(images)
assert maps.shape == (2, 1, 32, 32) and encoder('squeezenet').features(images).shape == (2, 512)
print(selfrefine.__file__)
'''

def test_wheel_alone(wheel, python, tmp_path):
    "In a folder of its own it imports at once, and finds its pictures, models and highlighter."
    install(python, wheel)
    found = run(python, '-c', SMOKE, cwd=tmp_path).strip()
    assert Path(found).is_relative_to(Path(python).parents[1])
    script = Path(python).with_name('selfrefine')
    if importlib.util.find_spec('selfrefine.commands.cli'): assert 'refine' in run(script, '--help', cwd=tmp_path)

def test_editable_install_beside_its_clone(clone, python):
    "A script in the folder that holds the clone gets the package, and not a namespace made of the clone's folder."
    backend()
    install(python, '-e', clone)
    script = clone.parent/'script.py'
    script.write_text('import selfrefine\nfrom selfrefine import Phases\nprint(selfrefine.__file__)\n')
    assert Path(run(python, script, cwd=clone.parent).strip()) == clone/'selfrefine/__init__.py'

def modules():
    "The names of all modules."
    files = (f.relative_to(root).with_suffix('') for f in (root/'selfrefine').rglob('*.py'))
    return sorted('.'.join(f.parts).removesuffix('.__init__') for f in files if f.name != '_modidx')

IMPORTS = '''
import importlib, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        caller = sys._getframe(1)
        while 'importlib' in caller.f_code.co_filename: caller = caller.f_back
        if name in UNIX and '/selfrefine/' in caller.f_code.co_filename: raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
loaded = {m: sys.modules.pop(m) for m in UNIX if m in sys.modules}
for name in MODULES: importlib.import_module(name)
'''

def test_no_module_needs_unix():
    "All modules are imported where what exists on Unix alone cannot be imported by them."
    code = f'UNIX, MODULES = {UNIX!r}, {[m for m in modules() if m != "selfrefine.__main__"]!r}\n{IMPORTS}'
    run(sys.executable, '-c', code, env=dict(os.environ, PYTHONPATH=str(root)))

def version():
    text = (root/'selfrefine/__init__.py').read_text()
    return re.search('^__version__ = "(.*)"$', text, re.M)[1]

def python_of(version):
    found = [shutil.which(f'python{version}'), *Path.home().glob(f'.pyenv/versions/{version}.*/bin/python')]
    for python in filter(None, found):
        if subprocess.run([python, '-c', ''], capture_output=True).returncode == 0: return python

@pytest.mark.parametrize('minor', ['3.11', '3.12', '3.13'])
def test_every_python_reads_the_source(minor, tmp_path):
    "Its syntax, and a bare import, which loads nothing else."
    if not (python := python_of(minor)): pytest.skip(f'no Python {minor} on this machine')
    shutil.copytree(root/'selfrefine', tmp_path/'selfrefine', ignore=shutil.ignore_patterns('assets', '__pycache__'))
    run(python, '-W', 'error', '-m', 'compileall', '-q', tmp_path/'selfrefine', cwd=tmp_path)
    said = run(python, '-W', 'error', '-c', 'import selfrefine; print(selfrefine.__version__)', cwd=tmp_path)
    assert said.strip() == version()

USER = """
from selfrefine import NAMES
from selfrefine.data.images import batches
from selfrefine.method.forward_noise import Readings
phases = Phases(total=4, base=2, cycle=1)
kept = phases.due(3) + len(batches(Images(emoji().x[:4]), 2).__next__())
readings: Readings = Readings(noise='shift')
"""

def test_a_users_types(tmp_path):
    "pyright, in basic mode, knows every public name, and reads types from the modules."
    if not has('pyright'): pytest.skip('pyright is not installed: pip install pyright')
    (tmp_path/'user.py').write_text(USER.replace('NAMES', ', '.join(selfrefine.__all__)))
    python = dict(venvPath=str(Path(sys.prefix).parent), venv=Path(sys.prefix).name)
    settings = dict(typeCheckingMode='basic', extraPaths=[str(root)]) | python
    (tmp_path/'pyrightconfig.json').write_text(json.dumps(settings))
    command = [sys.executable, '-m', 'pyright', '--outputjson', '-p', str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not done.stdout.startswith('{'): pytest.skip('pyright finds no node here, and cannot fetch one')
    errors = [d for d in json.loads(done.stdout)['generalDiagnostics'] if d['severity'] == 'error']
    assert not errors, errors
    (tmp_path/'user.py').write_text('from selfrefine.method.phases import Phases\nPhases("many", 2)\n')
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert 'reportArgumentType' in done.stdout, 'a wrong type is not noticed'

def test_metadata():
    "The same version, licence, title and address wherever they stand, and the Pythons that are tried."
    project = tomllib.loads((root/'pyproject.toml').read_text())['project']
    cited = yaml.safe_load((root/'CITATION.cff').read_text())
    assert cited['version'] == version() and cited['license'] == project['license']
    assert cited['title'] == project['name'] and cited['repository-code'] == project['urls']['Repository']
    assert cited['cff-version'] == '1.2.0' and cited['references'][0]['url'].endswith('2512.08774')
    assert project['requires-python'] == '>=3.11'
