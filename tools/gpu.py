"""What to run on a machine with a GPU: tests, the presets `gpu` of all models at a few steps, and benchmark rows.

    python tools/gpu.py                        # about half an hour; writes reports/gpu.json and benchmarks-gpu.json
    python tools/gpu.py --device cpu --quick   # tries this script itself, in a minute or two

Every part is written when it is done, and one that fails does not stop the others; the exit code says whether one did.
"""
import argparse, json, os, re, subprocess, sys, tempfile, time, traceback
from pathlib import Path
import torch
from selfrefine.data.storage import write_json
from selfrefine.experiments.compute import machine_meta
from selfrefine.experiments.presets import OVERRIDES
from selfrefine.experiments.table import experiment, model_rows

ROOT = Path(__file__).resolve().parents[1]
TESTS = 'tests/test_devices.py', 'tests/test_userloop.py'
FEW = dict(steps=20, cycle=10, warmup=2, n=64, n_map=8, n_fake=64, map_steps=5, sampler_steps=5, seeds=(0,))
FEW_FROM_SCRATCH = FEW | dict(base_steps=20)
QUICK = dict(steps=2, cycle=1, n=8, n_map=2, map_steps=1, sampler_steps=1)

def command(*args):
    "A Python of its own, in the repository: exit code, seconds, and the end of what it says."
    began = time.perf_counter()
    how = dict(cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH')))))
    done = subprocess.run([sys.executable, *map(str, args)], env=environment, **how)
    return dict(code=done.returncode, seconds=time.perf_counter() - began, said=done.stdout[-2000:])

def tests(quick):
    "Those that run on the GPU where there is one."
    chosen = (TESTS[0], '-k', 'two_devices or features') if quick else TESTS
    done = command('-m', 'pytest', '-q', '-p', 'no:cacheprovider', *chosen)
    counts = {word: int(n) for n, word in re.findall(r'(\d+) (passed|failed|skipped|errors?)\b', done['said'])}
    return done | dict(counts=counts, ok=done['code'] == 0)

def preset(model, quick):
    "The two rows of a model, and what they took."
    gpu, began = torch.cuda.is_available(), time.perf_counter()
    if gpu: torch.cuda.reset_peak_memory_stats()
    stages = dict(first_stage_steps=30) if OVERRIDES[model]['gpu'].get('first_stage_steps') else {}
    given = ('smoke', QUICK) if quick else ('gpu', FEW_FROM_SCRATCH | stages)
    with tempfile.TemporaryDirectory() as folder:
        rows = experiment('gpu', model_rows([model]), given[0], folder, **given[1]).rows
    peak = torch.cuda.max_memory_allocated()/2**30 if gpu else None
    return dict(ok=True, model=model, seconds=time.perf_counter() - began, peak_gib=peak, rows=rows)

def presets(quick):
    "All models, one after the other."
    found = []
    for model in ['ddpm'] if quick else OVERRIDES:
        try: found.append(preset(model, quick))
        except Exception as e:
            traceback.print_exc()
            found.append(dict(ok=False, model=model, error=f'{type(e).__name__}: {e}'))
    return dict(ok=all(row['ok'] for row in found), models=found)

def benchmarks(quick, device, out):
    "The rows that a GPU can do; of a CPU the quickest."
    rows = ['import_alone_vs_diffusers', '--rounds', 1] if quick else []
    done = command('-m', 'benchmarks', *rows, '--out', out, *(['--gpu'] if device == 'cuda' else []))
    path = out/f'benchmarks{"-gpu"*(device == "cuda")}.json'
    return done | dict(ok=done['code'] == 0, rows=json.loads(path.read_text())['rows'] if path.exists() else [])

def make_parser():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cuda', choices=('cuda', 'cpu'))
    parser.add_argument('--quick', action='store_true', help='a few tests, one model and one row')
    parser.add_argument('--out', type=Path, default=ROOT/'reports', help='folder of the files')
    return parser

def main():
    parser = make_parser()
    args = parser.parse_args()
    if args.device == 'cpu': os.environ.update(CUDA_VISIBLE_DEVICES='', ACCELERATE_USE_CPU='true')
    elif not torch.cuda.is_available():
        parser.error('PyTorch sees no GPU here; run this where there is one, or try it out with --device cpu --quick')
    out = args.out.expanduser().resolve()
    out.mkdir(parents=True, exist_ok=True)
    gpu = torch.cuda.get_device_name() if args.device == 'cuda' else None
    found, path = dict(meta=machine_meta() | dict(gpu=gpu, quick=args.quick)), out/'gpu.json'
    with tempfile.TemporaryDirectory() as cache:
        os.environ['SELFREFINE_CACHE'] = cache
        parts = dict(tests=lambda: tests(args.quick), presets=lambda: presets(args.quick),
                     benchmarks=lambda: benchmarks(args.quick, args.device, out))
        for name, run in parts.items():
            found[name] = run()
            write_json(path, found)
            print(f'{name}: {"done" if found[name]["ok"] else "FAILED"}', flush=True)
    print(f'all of it is in {path}')
    sys.exit(not all(found[name]['ok'] for name in parts))

if __name__ == '__main__': main()
