"README's two commands in a new clone of the last commit, with a new environment and an empty cache: where their time goes."
import json, os, re, subprocess, tempfile, time
from collections import Counter
from pathlib import Path

ROOT, TARGETS = Path(__file__).parent.parent, dict(papermill=480, nbdev_test=900)  # seconds
TRACE = 'PS4="= \\$EPOCHREALTIME s: "; set -x; . "$0"'

def blocks(text): return re.findall('```sh\n(.*?)```', text, re.S)

def steps(trace, ended):
    "Each traced command with its seconds."
    marks = [(float(t), c) for t, c in re.findall(r'^== ([\d.]+) s: (.*)$', trace, re.M)]  # doubled: in a file that is read
    return [dict(command=c, seconds=after - t) for (t, c), (after, _) in zip(marks, [*marks[1:], (ended, '')])]

def links(cache):
    "Seconds of the pieces of the experiment, by kind."
    spent = Counter()
    for f in cache.glob('*/done.json'): spent[f.parent.name.rpartition('-')[0]] += json.loads(f.read_text())['seconds']
    return dict(spent.most_common())

def run(block, clone, cache):
    "One of README's commands, word for word; raises `RuntimeError` with the end of what it said if it fails."
    env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV', 'CUDA_VISIBLE_DEVICES')} | dict(SELFREFINE_CACHE=str(cache), PIP_QUIET='2', PIP_DISABLE_PIP_VERSION_CHECK='1', LC_NUMERIC='C')
    script, log = clone.parent/'block.sh', clone.parent/'said'
    script.write_text(block)
    began = time.time()
    with open(log, 'w+') as said:
        rc = subprocess.run(['bash', '-eo', 'pipefail', '-c', TRACE, str(script)], cwd=clone, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT).returncode
        ended = time.time()
        said.seek(0)
        trace = said.read()
    if rc: raise RuntimeError(f'it failed with {rc}: {trace[-2000:]}')
    return dict(seconds=ended - began, steps=[s for s in steps(trace, ended) if s['seconds'] > 1], links=links(cache))

def account():
    "Both commands."
    found = []
    for name, target in TARGETS.items():
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder)/'clone'
            subprocess.run(['git', 'clone', '--quiet', str(ROOT), str(clone)], check=True)
            block = next(b for b in blocks((clone/'README.md').read_text()) if name in b)
            found.append(dict(name=name, target=target, block=block, **run(block, clone, Path(folder)/'cache')))
            print(f'{name}: {found[-1]["seconds"]:.0f} s (target {target})', flush=True)
    return found
