"What the numbers look like."
from statistics import median
import matplotlib.pyplot as plt
import pandas as pd

def reached(r): return None if r['target'] is None else r['ratio'] <= r['target'] if r['at_most'] else r['ratio'] >= r['target']

def pairwise(r):
    "The median of the rounds' own ratios."
    a, b = (r['ours_s'], r['peer_s']) if r['at_most'] else (r['peer_s'], r['ours_s'])
    return median(x/y for x, y in zip(a, b))

def bars(rows):
    "A panel for each row: seconds of both sides, and the ratio with its target."
    fig, axes = plt.subplots(-(-len(rows)//3), 3, figsize=(10, 1.15*-(-len(rows)//3) + .3), squeeze=False, layout='constrained')
    for ax in axes.flat[len(rows):]: ax.axis('off')
    for ax, r in zip(axes.flat, rows):
        ax.barh([1, 0], [r['ours_median_s'], r['peer_median_s']], .7, color=['#d9622b', '#adb5bd'])
        for y, who in ((1, 'ours'), (0, r['peer'])): ax.text(0, y, f' {who}', va='center', fontsize=6)
        goal = '' if r['target'] is None else f' (target {r["target"]:g}{", missed"*(not reached(r))})'
        ax.set_title(f'{r["name"]}: {r["ratio"]:.2f}{goal}', fontsize=7, loc='left')
        ax.set_yticks([])
        ax.tick_params(labelsize=6)
        for side in ('top', 'right'): ax.spines[side].set_visible(False)
    return fig

def table(rows):
    "The rows as a pandas table."
    def line(r):
        used = [f'{r[k]:.0%}' if r.get(k) else '' for k in ('ours_utilisation', 'peer_utilisation')]
        return {'work': r['work'], 'peer': r['peer'], 'ratio': f'{r["ratio"]:.2f}', 'pair by pair': f'{pairwise(r):.2f}', 'target': r['target'] or '', 'ours, s': f'{r["ours_median_s"]:.3g}', 'peer, s': f'{r["peer_median_s"]:.3g}',
                'GiB at most': ' / '.join(f'{r[k]:.2f}' for k in ('ours_gib', 'peer_gib') if r.get(k)), 'rounds': r['rounds'], 'differs by': '' if r['difference'] is None else f'{r["difference"]:.1g}', 'of matmul peak': ' / '.join(filter(None, used))}
    return pd.DataFrame(map(line, rows), index=pd.Index([r['name'] for r in rows], name='row'))

def summary(found):
    "In words: the machine, what was reached and what was not, and what bfloat16 changed."
    m, rows = found['meta'], [r for r in found['rows'] if r['target'] is not None]
    missed = [f'{r["name"]} ({r["ratio"]:.2f}, wanted {r["target"]:g})' for r in rows if not reached(r)]
    close = [r['name'] for r in rows if reached(r) and not reached(r | dict(ratio=pairwise(r)))]
    lines = [f'{m["cores"]} cores ({m.get("processor") or m["machine"]}), {m["device"]}; ' + ', '.join(f'{k} {v}' for k, v in m['versions'].items()) + '.',
             f'{len(rows) - len(missed)} of {len(rows)} targets are reached.' + (f' Missed: {"; ".join(missed)}.' if missed else '') + (f' Reached by the ratio of medians, missed pair by pair: {", ".join(close)}.' if close else '')]
    if b := found.get('bf16'): lines.append(f'After {b["steps"]} steps the loss in bfloat16 is {b["difference"]:+.5f} against float32, where seeds differ by {b["seed_spread"]:.5f} (standard deviation).')
    return '\n'.join(f'- {line}' for line in lines)

def measured(name):
    "A function of what is kept under a name; a sentence where there is nothing."
    return lambda f: lambda found: f(found[name]) if found.get(name) else f'Not measured; run `python -m benchmarks {name}`.'

@measured('profile')
def limits(found):
    "Where the time goes, and what is left where all convolutions ran at the rate of the machine's matrix product, as markdown."
    p, told = found['peak'], []
    told.append(f'Square products on this machine ({found["vectors"]}, {"with" if found["amx"] else "without"} AMX): {p["float32"]/1e9:.0f} GFLOP/s in float32, {p["bfloat16"]/1e9:.0f} in bfloat16, {p["bfloat16"]/p["float32"]:.1f} times as many.')
    told.append('| | ms in all | ms in convolutions | the same at the rate of matrix products | or so much of that rate |\n|---|---|---|---|---|\n' + '\n'.join(f'| {r["name"]} | {r["ms"]:.0f} | {r["convolutions_ms"]:.0f} | {r["at_peak_ms"]:.0f} | {r["convolutions_of_peak"]:.0%} |' for r in found['runs']))
    for r in found['runs']:
        told.append(f'The operations of {r["name"]} that take most of it:')
        told.append('| operation | ms | calls |\n|---|---|---|\n' + '\n'.join(f'| `{o["operation"]}` | {o["ms"]:.1f} | {o["calls"]} |' for o in r['operations']))
    return '\n\n'.join(told)

@measured('changes')
def changes(found):
    "What each change gave, and when compiling has paid, as markdown."
    lines = [f'| {c["change"]} | {1000*c["seconds"]:.0f} | {c["ratio"]:.2f} |' for c in found['lines']]
    steps = found['break_even_steps']
    paid = f'has paid for itself after {steps:,.0f} steps' if steps else 'does not pay for itself on this machine'
    return '| | ms a step | times the step as it is |\n|---|---|---|\n' + '\n'.join(lines) + f'\n\nA compiled run takes about {found["compile_seconds"]:.0f} s more to its third step, and {paid}.'

@measured('presets')
def presets(lines):
    "What the paper's presets cost."
    t = pd.DataFrame(lines).set_index('model')
    return t.rename(columns=dict(forward_gflop='GFLOP an image, forward', maps_share='maps, of the refinement phase\'s steps', maps_share_10='the same, ten steps each')).round(2)

@measured('quick')
def quick(found):
    "README's commands, step by step, as markdown."
    def one(c):
        lines = [f'| `{s["command"][:90]}` | {s["seconds"]:.0f} |' for s in c['steps']]
        links = ', '.join(f'{k} {v:.0f}' for k, v in c['links'].items() if v >= 1)
        return f'{c["seconds"]:.0f} s in all (at most {c["target"]} wanted).\n\n| command | seconds |\n|---|---|\n' + '\n'.join(lines) + (f'\n\nPieces of the experiment, seconds: {links}.' if links and c['name'] == 'papermill' else '')
    return '\n\n'.join(map(one, found))

@measured('maps')
def maps(options):
    "Cost and fidelity of the ways to make a map."
    return pd.DataFrame(options).set_index('way').round(3)

@measured('bf16')
def losses(found):
    "The last losses of runs in float32 and in bfloat16."
    return pd.DataFrame(found['runs']).pivot(index='seed', columns='precision', values='loss').round(5)

@measured('growth')
def growth(found):
    "Seconds and memory against what a run is made of."
    kinds = list(dict.fromkeys(r['what'] for r in found))
    fig, axes = plt.subplots(2, len(kinds), figsize=(3.1*len(kinds), 4), squeeze=False, layout='constrained')
    for column, kind in zip(axes.T, kinds):
        some = [r for r in found if r['what'] == kind]
        for ax, key, unit in zip(column, ('seconds', 'memory'), ('seconds', 'GiB at most')):
            ax.plot([r['value'] for r in some], [r[key] for r in some], marker='o', ms=4, color='#d9622b')
            ax.set(xlabel=kind, ylabel=unit, ylim=(0, None))
            ax.tick_params(labelsize=7)
            for side in ('top', 'right'): ax.spines[side].set_visible(False)
    plt.close(fig)  # a notebook would show it twice
    return fig
