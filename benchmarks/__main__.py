"`python -m benchmarks [ROW ...]`: measure rows, each with its peer in turn, and write `reports/benchmarks.json` and `.png`. All of them take about an hour and a half on two cores."
import argparse, json, os, platform, sys, traceback
from importlib.metadata import distributions
from pathlib import Path
import torch
from selfrefine.experiments.pipeline import device, versions
from selfrefine.experiments.training_cost import in_new_process
from . import changes, growth, limits, maps, precision, presets, quick, rows
from .page import bars
from .timing import ROWS

MORE = dict(profile=limits.profile, changes=changes.effects, maps=maps.options, growth=growth.points, bf16=precision.losses, presets=presets.hours, quick=quick.account)  # what is no ratio to a peer; all but `presets` for a CPU
PEERS = ('scipy', 'grad-cam', 'clean-fid', 'torchmetrics', 'denoising-diffusion-pytorch')

def peers():
    "The versions of those that are there."
    return {d.metadata['Name']: d.version for d in distributions() if d.metadata['Name'] in PEERS}

def processor():
    "Its name, family and model, and its instructions for bfloat16, where Linux tells."
    try: told = dict(map(str.strip, line.split(':', 1)) for line in Path('/proc/cpuinfo').read_text().split('\n\n')[0].splitlines() if ':' in line)
    except OSError: return platform.processor()
    has = [f for f in ('amx_bf16', 'avx512_bf16') if f in told.get('flags', '').split()] or ['no instructions for bfloat16']
    return f'{told.get("model name", platform.processor())}, family {told.get("cpu family")}, model {told.get("model")}, {" ".join(has)}'

def write(path, told):
    "Whole or not at all."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix('.part').write_text(json.dumps(told, indent=1) + '\n')
    os.replace(path.with_suffix('.part'), path)

def main(argv=None):
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('rows', nargs='*', help=f'some of {", ".join([*ROWS, *MORE])}; by default a new file with all but `quick`, which installs the package twice and runs its tests')
    parser.add_argument('--rounds', type=int, help='pairs of runs of each row; by default the row\'s own number')
    parser.add_argument('--out', default='reports', help='folder of the files')
    parser.add_argument('--gpu', action='store_true', help='measure on the GPU and write benchmarks-gpu.json; without it on the CPU, also where there is a GPU')
    args = parser.parse_args(argv)
    if not args.gpu: os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif not torch.cuda.is_available(): parser.error('PyTorch sees no GPU here; leave out --gpu to measure on the CPU')
    if device() not in ('cpu', 'cuda'): parser.error(f'these rows are for a CPU or for CUDA, and here everything would run on {device()}')
    unknown = set(args.rows) - ROWS.keys() - MORE.keys()
    if unknown: parser.error(f'there is no row {", ".join(sorted(unknown))}')
    able = [n for n in ROWS if ROWS[n]['gpu'] or not args.gpu] + [n for n in MORE if not args.gpu]
    if unable := set(args.rows) - set(able): parser.error(f'{", ".join(sorted(unable))}: nothing for a GPU to do; leave out --gpu')
    path = Path(args.out)/f'benchmarks{"-gpu"*args.gpu}.json'
    told = json.loads(path.read_text()) if path.exists() and args.rows else dict(meta={}, rows=[])
    meta, wrong = dict(versions=versions() | peers(), device=device(), machine=platform.machine(), processor=processor(), cores=os.cpu_count()), []
    if told['meta'] and told['meta'] != meta: parser.error(f'{path} was measured on another machine or with other versions; name another folder by --out')
    for name in args.rows or [n for n in able if n != 'quick']:
        try: found = in_new_process(MORE[name]) if name in MORE else rows.measure(name, args.rounds)
        except ImportError as e: print(f"{name}: left out ({e}); pip install -e '.[bench]' has the peers", flush=True); continue
        except Exception as e:
            traceback.print_exc()
            print(f'{name}: not measured, {e}', flush=True)
            found, wrong = None, wrong + [name]
        if name in MORE: told[name] = found
        else:
            others = {r['name']: r for r in told['rows']} | {name: found}
            told['rows'] = [others[n] for n in ROWS if others.get(n)]
            if found: print(f'{name}: {found["ratio"]:.2f} (target {found["target"]}), ours {found["ours_median_s"]:.4g} s, {found["peer"]} {found["peer_median_s"]:.4g} s', flush=True)
        told['meta'] = meta
        write(path, told)
    if told['rows']: bars(told['rows']).savefig(path.with_suffix('.png'), dpi=110, bbox_inches='tight')
    sys.exit(bool(wrong))

if __name__ == '__main__': main()
