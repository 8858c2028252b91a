"`python -m benchmarks [ROW ...]`: measure rows, each with its peer in turn, and write `reports/benchmarks.json` and `.png`."
import argparse, json, os, platform, sys
from pathlib import Path
os.environ['CUDA_VISIBLE_DEVICES'] = ''  # these are rows for a CPU
from selfrefine.experiments import device, versions
from selfrefine.footprint import alone
from . import growth, maps, precision, rows, training
from .page import bars
from .timing import ROWS

MORE = dict(profile=training.profile, maps=maps.options, growth=growth.points, bf16=precision.losses)  # what is no ratio to a peer

def write(path, told):
    "Whole or not at all."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix('.part').write_text(json.dumps(told, indent=1) + '\n')
    os.replace(path.with_suffix('.part'), path)

def main(argv=None):
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('rows', nargs='*', help=f'some of {", ".join([*ROWS, *MORE])}; all by default')
    parser.add_argument('--rounds', type=int, help='pairs of runs of each row; by default the row\'s own number')
    parser.add_argument('--out', default='reports', help='folder of the files')
    args = parser.parse_args(argv)
    unknown = set(args.rows) - ROWS.keys() - MORE.keys()
    if unknown: parser.error(f'there is no row {", ".join(sorted(unknown))}')
    path = Path(args.out)/'benchmarks.json'
    told = json.loads(path.read_text()) if path.exists() else dict(meta={}, rows=[])
    wrong = []
    for name in args.rows or [*ROWS, *MORE]:
        try: found = alone(MORE[name]) if name in MORE else rows.measure(name, args.rounds)
        except ImportError as e: print(f"{name}: left out ({e}); pip install -e '.[bench]' has the peers", flush=True); continue
        except AssertionError as e:
            print(f'{name}: not measured, {e}', flush=True)
            found, wrong = None, wrong + [name]
        if name in MORE: told[name] = found
        else:
            others = {r['name']: r for r in told['rows']} | {name: found}
            told['rows'] = [others[n] for n in ROWS if others.get(n)]
            if found: print(f'{name}: {found["ratio"]:.2f} (target {found["target"]}), ours {found["ours_median_s"]:.4g} s, {found["peer"]} {found["peer_median_s"]:.4g} s', flush=True)
        told['meta'] = dict(versions=versions(), device=device(), machine=platform.machine(), cores=os.cpu_count())
        write(path, told)
    if told['rows']: bars(told['rows']).savefig(path.with_suffix('.png'), dpi=110, bbox_inches='tight')
    sys.exit(bool(wrong))

if __name__ == '__main__': main()
