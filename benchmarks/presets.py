"What the paper's presets cost: operations counted without allocating a network, and hours of cards from what they multiply."
import torch
from selfrefine.experiments.presets import ROWS
from selfrefine.experiments.pipeline import flops
from selfrefine.experiments.training_cost import untrained_model
from selfrefine.method.highlighter import FlawHighlighter

CARDS = {'H200': 989e12, 'RTX 4090': 165e12}  # FLOP per second of dense bfloat16 matrix products, by their data sheets
USED = .3  # of that, in training: an assumption

def count(p):
    "FLOP of one image forward, of a training step, of the paper's map, and of one of ten steps."
    with torch.device('meta'):
        model = untrained_model(p.model, p.side)
        x, t = torch.zeros(1, model.channels, model.side, model.side), torch.zeros(1)
        words = (model.tokens(['']),) if model.tokenizer else ()
        forward = flops(lambda: model.net(x, t, *words))
        explained = flops(model.decode, x) if model.first_stage else 0
    explained += flops(FlawHighlighter(side=p.side).logits, torch.zeros(1, 3, p.side, p.side, dtype=torch.uint8))
    guided = 2 if p.guidance != 1 else 1
    step, a_map = 3*p.batch*forward, lambda steps: p.n_map*(steps*guided*forward + explained)
    return dict(forward=forward, step=step, map=a_map(p.map_steps), short=a_map(10))

def hours():
    "For each model: hours of each card for both phases, with the paper's maps and with maps of ten steps."
    def line(p):
        c, refreshes = count(p), -(-p.steps//p.cycle)
        whole = (p.begin + p.steps)*c['step']
        share = {k: refreshes*c[k]/(p.steps*c['step']) for k in ('map', 'short')}
        return dict(model=p.model, side=p.side, batch=p.batch, base=p.begin, refinement=p.steps, forward_gflop=c['forward']/1e9, maps_share=share['map'], maps_share_10=share['short'],
                    **{f'{card} hours': (whole + refreshes*c['map'])/(USED*rate)/3600 for card, rate in CARDS.items()}, **{f'{card} hours, short maps': (whole + refreshes*c['short'])/(USED*rate)/3600 for card, rate in CARDS.items()})
    return [line(p) for p in ROWS['paper']]
