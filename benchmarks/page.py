"What the numbers look like."
from statistics import median
import matplotlib.pyplot as plt
import pandas as pd

OURS, PEER = '#d9622b', '#adb5bd'

def reached(r):
    if r['target'] is None: return None
    return r['ratio'] <= r['target'] if r['at_most'] else r['ratio'] >= r['target']

def pairwise(r):
    "The median of the rounds' own ratios."
    a, b = (r['ours_s'], r['peer_s']) if r['at_most'] else (r['peer_s'], r['ours_s'])
    return median(x/y for x, y in zip(a, b))

def plain(ax, size):
    "Small numbers, and no frame above and to the right."
    ax.tick_params(labelsize=size)
    for side in ('top', 'right'): ax.spines[side].set_visible(False)

def draw_row(ax, r):
    "The seconds of both sides, and the ratio with its target."
    ax.barh([1, 0], [r['ours_median_s'], r['peer_median_s']], .7, color=[OURS, PEER])
    for y, side in ((1, 'ours'), (0, r['peer'])): ax.text(0, y, f' {side}', va='center', fontsize=6)
    missed = ', missed'*(reached(r) is False)
    goal = '' if r['target'] is None else f' (target {r["target"]:g}{missed})'
    ax.set_title(f'{r["name"]}: {r["ratio"]:.2f}{goal}', fontsize=7, loc='left')
    ax.set_yticks([])
    plain(ax, 6)

def bars(rows):
    "A panel for each row."
    lines = -(-len(rows)//3)
    fig, axes = plt.subplots(lines, 3, figsize=(10, 1.15*lines + .3), squeeze=False, layout='constrained')
    for ax in axes.flat[len(rows):]: ax.axis('off')
    for ax, r in zip(axes.flat, rows): draw_row(ax, r)
    return fig

def table_line(r):
    def both(key, form): return ' / '.join(form.format(r[k]) for k in (f'ours_{key}', f'peer_{key}') if r.get(k))
    line = {'work': r['work'], 'peer': r['peer'], 'ratio': f'{r["ratio"]:.2f}', 'pair by pair': f'{pairwise(r):.2f}'}
    line['target'] = r['target'] or ''
    line |= {f'{side}, s': f'{r[side + "_median_s"]:.3g}' for side in ('ours', 'peer')}
    line |= {'GiB at most': both('gib', '{:.2f}'), 'rounds': r['rounds']}
    line['differs by'] = '' if r['difference'] is None else f'{r["difference"]:.1g}'
    return line | {'of matmul peak': both('utilisation', '{:.0%}')}

def table(rows):
    "The rows as a pandas table."
    return pd.DataFrame(map(table_line, rows), index=pd.Index([r['name'] for r in rows], name='row'))

def targets_text(rows):
    "Which targets were reached."
    missed = [f'{r["name"]} ({r["ratio"]:.2f}, wanted {r["target"]:g})' for r in rows if not reached(r)]
    close = [r['name'] for r in rows if reached(r) and not reached(r | dict(ratio=pairwise(r)))]
    text = f'{len(rows) - len(missed)} of {len(rows)} targets are reached.'
    if missed: text += f' Missed: {"; ".join(missed)}.'
    if close: text += f' Reached by the ratio of medians, missed pair by pair: {", ".join(close)}.'
    return text

def precision_text(b):
    "What bfloat16 changed."
    return (f'After {b["steps"]} steps the loss in bfloat16 is {b["difference"]:+.5f} against float32, '
            f'where seeds differ by {b["seed_spread"]:.5f} (standard deviation).')

def summary(found):
    "In words: the machine, what was reached and what was not, and what bfloat16 changed."
    m, versions = found['meta'], ', '.join(f'{k} {v}' for k, v in found['meta']['versions'].items())
    lines = [f'{m["cores"]} cores ({m.get("processor") or m["machine"]}), {m["device"]}; {versions}.']
    lines.append(targets_text([r for r in found['rows'] if r['target'] is not None]))
    if found.get('bf16'): lines.append(precision_text(found['bf16']))
    return '\n'.join(f'- {line}' for line in lines)

def measured(name):
    "A function of what is kept under a name; a sentence where there is nothing."
    nothing = f'Not measured; run `python -m benchmarks {name}`.'
    def decorate(f): return lambda found: f(found[name]) if found.get(name) else nothing
    return decorate

def markdown_table(head, rows):
    lines = [head, ['---']*len(head), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)

@measured('profile')
def limits(found):
    "Where the time goes, and what is left where all convolutions ran at the rate of matrix products, as markdown."
    single, half = found['peak']['float32'], found['peak']['bfloat16']
    text = [f'Square products on this machine ({found["vectors"]}, {"with" if found["amx"] else "without"} AMX): '
            f'{single/1e9:.0f} GFLOP/s in float32, {half/1e9:.0f} in bfloat16, {half/single:.1f} times as many.']
    head = ['', 'ms in all', 'ms in convolutions', 'the same at the rate of matrix products', 'or so much of that rate']
    keys = dict(ms='.0f', convolutions_ms='.0f', at_peak_ms='.0f', convolutions_of_peak='.0%')
    def line(r): return [r['name'], *(format(r[k], f) for k, f in keys.items())]
    text.append(markdown_table(head, map(line, found['runs'])))
    for r in found['runs']:
        lines = [[f'`{o["operation"]}`', f'{o["ms"]:.1f}', str(o['calls'])] for o in r['operations']]
        text += [f'The operations of {r["name"]} that take most of it:',
                 markdown_table(['operation', 'ms', 'calls'], lines)]
    return '\n\n'.join(text)

@measured('changes')
def changes(found):
    "What each change gave, and when compiling has paid, as markdown."
    lines = [[c['change'], f'{1000*c["seconds"]:.0f}', f'{c["ratio"]:.2f}'] for c in found['lines']]
    steps = found['break_even_steps']
    paid = f'has paid for itself after {steps:,.0f} steps' if steps else 'does not pay for itself on this machine'
    text = f'A compiled run takes about {found["compile_seconds"]:.0f} s more to its third step, and {paid}.'
    return markdown_table(['', 'ms a step', 'times the step as it is'], lines) + '\n\n' + text

@measured('presets')
def presets(lines):
    "What the paper's presets cost."
    names = dict(forward_gflop='GFLOP an image, forward', maps_share="maps, of the refinement phase's steps",
                 maps_share_10='the same, ten steps each')
    return pd.DataFrame(lines).set_index('model').rename(columns=names).round(2)

def command_text(c):
    "One of README's commands, step by step."
    steps = [[f'`{s["command"][:90]}`', f'{s["seconds"]:.0f}'] for s in c['steps']]
    text = f'{c["seconds"]:.0f} s in all (at most {c["target"]} wanted).\n\n'
    text += markdown_table(['command', 'seconds'], steps)
    links = ', '.join(f'{k} {v:.0f}' for k, v in c['links'].items() if v >= 1)
    if links and c['name'] == 'papermill': text += f'\n\nPieces of the experiment, seconds: {links}.'
    return text

@measured('quick')
def quick(found):
    "README's commands, step by step, as markdown."
    return '\n\n'.join(map(command_text, found))

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
    subjects = list(dict.fromkeys(r['what'] for r in found))
    size = (3.1*len(subjects), 4)
    fig, axes = plt.subplots(2, len(subjects), figsize=size, squeeze=False, layout='constrained')
    for column, what in zip(axes.T, subjects):
        some = [r for r in found if r['what'] == what]
        for ax, key, unit in zip(column, ('seconds', 'memory'), ('seconds', 'GiB at most')):
            ax.plot([r['value'] for r in some], [r[key] for r in some], marker='o', ms=4, color=OURS)
            ax.set(xlabel=what, ylabel=unit, ylim=(0, None))
            plain(ax, 7)
    plt.close(fig)  # a notebook would show it twice
    return fig
