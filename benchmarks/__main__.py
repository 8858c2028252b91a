"""`python -m benchmarks [ROW ...]`: measure rows, each with its peer in turn.

It writes `reports/benchmarks.json` and `.png`. All rows take about an hour and a half on two cores.
"""
import argparse, json, os, platform, sys, traceback
from importlib.metadata import distributions
from pathlib import Path
import torch
from selfrefine.data.storage import write_json
from selfrefine.experiments.compute import device, processor, versions
from selfrefine.experiments.training_cost import in_new_process
from . import changes, growth, limits, maps, precision, presets, quick, rows
from .page import bars
from .timing import ROWS

# what is no ratio to a peer; all but `presets` for a CPU
MORE = dict(profile=limits.profile, changes=changes.effects, maps=maps.options, growth=growth.points,
            bf16=precision.losses, presets=presets.hours, quick=quick.account)
PEERS = ('scipy', 'grad-cam', 'clean-fid', 'torchmetrics', 'denoising-diffusion-pytorch')

def peers():
    "The versions of those that are there."
    return {d.metadata['Name']: d.version for d in distributions() if d.metadata['Name'] in PEERS}

def machine():
    "What rows of one file have in common."
    hardware = dict(device=device(), machine=platform.machine(), processor=processor(), cores=os.cpu_count())
    return dict(versions=versions() | peers(), **hardware)

def make_parser():
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('rows', nargs='*', help=f'some of {", ".join([*ROWS, *MORE])}; by default a new file with '
                        'all but `quick`, which installs the package twice and runs its tests')
    parser.add_argument('--rounds', type=int, help="pairs of runs of each row; by default the row's own number")
    parser.add_argument('--out', default='reports', help='folder of the files')
    parser.add_argument('--gpu', action='store_true', help='measure on the GPU and write benchmarks-gpu.json; '
                        'without it on the CPU, also where there is a GPU')
    return parser

def chosen_rows(parser, args):
    "The names of the rows to measure; the parser exits where there is none of a name, or nothing for a GPU to do."
    if unknown := set(args.rows) - ROWS.keys() - MORE.keys():
        parser.error(f'there is no row {", ".join(sorted(unknown))}')
    able = [n for n in ROWS if ROWS[n]['gpu'] or not args.gpu] + [n for n in MORE if not args.gpu]
    if unable := set(args.rows) - set(able):
        parser.error(f'{", ".join(sorted(unable))}: nothing for a GPU to do; leave out --gpu')
    return args.rows or [n for n in able if n != 'quick']

def choose_device(parser, gpu):
    "Hide the GPU unless it is asked for; the parser exits where there is no such device."
    if not gpu: os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif not torch.cuda.is_available():
        parser.error('PyTorch sees no GPU here; leave out --gpu to measure on the CPU')
    if device() not in ('cpu', 'cuda'):
        parser.error(f'these rows are for a CPU or for CUDA, and here everything would run on {device()}')

def add(found, name, row):
    "Put a row where it belongs."
    if name in MORE: return found | {name: row}
    known = {r['name']: r for r in found['rows']} | {name: row}
    return found | dict(rows=[known[n] for n in ROWS if known.get(n)])

def describe(name, r):
    times = f'ours {r["ours_median_s"]:.4g} s, {r["peer"]} {r["peer_median_s"]:.4g} s'
    return f'{name}: {r["ratio"]:.2f} (target {r["target"]}), {times}'

def measure_all(names, rounds, path, found):
    "Measure rows and write them, each when it is there; gives what was found, and the names of those that failed."
    failed = []
    for name in names:
        try: row = in_new_process(MORE[name]) if name in MORE else rows.measure(name, rounds)
        except ImportError as e:
            print(f"{name}: left out ({e}); pip install -e '.[bench]' has the peers", flush=True)
            continue
        except Exception as e:
            traceback.print_exc()
            print(f'{name}: not measured, {e}', flush=True)
            row = None
            failed.append(name)
        if row and name not in MORE: print(describe(name, row), flush=True)
        found = add(found, name, row)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, found)
    return found, failed

def main(argv=None):
    parser = make_parser()
    args = parser.parse_args(argv)
    choose_device(parser, args.gpu)
    names, path = chosen_rows(parser, args), Path(args.out)/f'benchmarks{"-gpu"*args.gpu}.json'
    found = json.loads(path.read_text()) if path.exists() and args.rows else dict(meta={}, rows=[])
    meta = machine()
    if found['meta'] and found['meta'] != meta:
        parser.error(f'{path} was measured on another machine or with other versions; name another folder by --out')
    found, failed = measure_all(names, args.rounds, path, found | dict(meta=meta))
    if found['rows']: bars(found['rows']).savefig(path.with_suffix('.png'), dpi=110, bbox_inches='tight')
    sys.exit(bool(failed))

if __name__ == '__main__': main()
