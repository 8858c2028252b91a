"""What the paper's presets cost.

Operations are counted without allocating a network; hours of cards follow from what the cards multiply.
"""
import torch
from selfrefine.experiments.compute import flops
from selfrefine.experiments.presets import OVERRIDES, settings
from selfrefine.experiments.training_cost import untrained_model
from selfrefine.method.highlighter import FlawHighlighter

CARDS = {'H200': 989e12, 'RTX 4090': 165e12}  # FLOP per second of dense bfloat16 matrix products, by their data sheets
USED = .3  # of that, in training: an assumption
MODELS = [model for model, lines in OVERRIDES.items() if 'paper' in lines]

def count(p):
    "FLOP of one image forward, of a training step, of the paper's map, and of one of ten steps."
    with torch.device('meta'):
        model = untrained_model(p.model, p.side)
        x, t = torch.zeros(1, model.channels, model.side, model.side), torch.zeros(1)
        words = (model.tokens(['']),) if model.tokenizer else ()
        forward = flops(lambda: model.net(x, t, *words))
        decoding = flops(model.decode, x) if model.first_stage else 0
    image = torch.zeros(1, 3, p.side, p.side, dtype=torch.uint8)
    explained, guided = decoding + flops(FlawHighlighter(side=p.side).logits, image), 2 if p.guidance != 1 else 1
    def map_flop(steps): return p.n_map*(steps*guided*forward + explained)
    return dict(forward=forward, step=3*p.batch*forward, map=map_flop(p.map_steps), short=map_flop(10))

def line(p):
    "A model's hours of each card for both phases, with the paper's maps and with maps of ten steps."
    c, refreshes = count(p), -(-p.steps//p.cycle)
    steps, refinement = (p.begin + p.steps)*c['step'], p.steps*c['step']
    def share(size): return refreshes*c[size]/refinement
    def hours(size): return {card: (steps + refreshes*c[size])/(USED*rate)/3600 for card, rate in CARDS.items()}
    run = dict(model=p.model, side=p.side, batch=p.batch, base=p.begin, refinement=p.steps)
    run |= dict(forward_gflop=c['forward']/1e9, maps_share=share('map'), maps_share_10=share('short'))
    run |= {f'{card} hours': h for card, h in hours('map').items()}
    return run | {f'{card} hours, short maps': h for card, h in hours('short').items()}

def hours(): return [line(settings('paper', model)) for model in MODELS]
