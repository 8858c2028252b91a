"""README's two commands in a new clone of the last commit, with a new environment and an empty cache.

It is measured where their time goes.
"""
import json, os, re, subprocess, tempfile, time
from collections import Counter
from pathlib import Path

ROOT, TARGETS = Path(__file__).parent.parent, dict(papermill=480, nbdev_test=900)  # seconds
TRACE = 'PS4="= \\$EPOCHREALTIME s: "; set -x; . "$0"'

def blocks(text): return re.findall('```sh\n(.*?)```', text, re.S)

def steps(trace, ended):
    "Each traced command with its seconds."
    marks = re.findall(r'^== ([\d.]+) s: (.*)$', trace, re.M)  # doubled: in a file that is read
    starts = [float(t) for t, _ in marks]
    ends = [*starts[1:], ended]
    return [dict(command=c, seconds=end - start) for (_, c), start, end in zip(marks, starts, ends)]

def links(cache):
    "Seconds of the pieces of the experiment, by what they are."
    spent = Counter()
    for f in cache.glob('*/done.json'):
        name = f.parent.name.rpartition('-')[0]
        spent[name] += json.loads(f.read_text())['seconds']
    return dict(spent.most_common())

def environment(cache):
    "That of a user who has just logged in."
    own = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV', 'CUDA_VISIBLE_DEVICES')}
    quiet = dict(PIP_QUIET='2', PIP_DISABLE_PIP_VERSION_CHECK='1', LC_NUMERIC='C')
    return own | quiet | dict(SELFREFINE_CACHE=str(cache))

def run(block, clone, cache):
    "One of README's commands, word for word; raises `RuntimeError` with the end of its output if it fails."
    script, log = clone.parent/'block.sh', clone.parent/'output'
    script.write_text(block)
    command, began = ['bash', '-eo', 'pipefail', '-c', TRACE, str(script)], time.time()
    with open(log, 'w') as output:
        streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        done = subprocess.run(command, cwd=clone, env=environment(cache), **streams)
    ended, trace = time.time(), log.read_text()
    if done.returncode: raise RuntimeError(f'it failed with {done.returncode}: {trace[-2000:]}')
    long = [s for s in steps(trace, ended) if s['seconds'] > 1]
    return dict(seconds=ended - began, steps=long, links=links(cache))

def account():
    "Both commands."
    found = []
    for name, target in TARGETS.items():
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder)/'clone'
            subprocess.run(['git', 'clone', '--quiet', str(ROOT), str(clone)], check=True)
            block = next(b for b in blocks((clone/'README.md').read_text()) if name in b)
            measured = run(block, clone, Path(folder)/'cache')
            found.append(dict(name=name, target=target, block=block, **measured))
            print(f'{name}: {measured["seconds"]:.0f} s (target {target})', flush=True)
    return found
