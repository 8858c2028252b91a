"Training in bfloat16 against float32: the loss at equal steps."
from dataclasses import replace
import torch
from selfrefine.data.images import part, to_float
from selfrefine.data.sets import emoji
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.ema import Ema
from selfrefine.diffusion.losses import diffusion_loss
from selfrefine.diffusion.models import ddpm
from selfrefine.diffusion.training import draw_step, train

@torch.no_grad()
def held_out(model, x, recipe, n=8):
    "The loss on images that were not trained on, over the same noise for all."
    x, losses = x[:recipe.batch], []
    for k in range(n):
        t, noise = draw_step(recipe, 10**6 + k, x.shape[1:], 1000)
        losses.append(float(diffusion_loss(model.net, model.scheduler, x, t, noise, noise)))
    return sum(losses)/n

def trained(images, steps, seed, bf16):
    "The last losses of one run."
    model, recipe = ddpm(images.side, seed), Recipe(32, 4e-4, 20, bf16=bf16, seed=seed)
    ema, fixed = Ema(model, .99), replace(recipe, seed=99, bf16=False, batch=64)
    curve = train(model, part(images, 'train'), steps, recipe, ema, progress=False)
    loss = held_out(ema.model, to_float(part(images, 'test').x), fixed)
    return dict(seed=seed, precision='bf16' if bf16 else 'float32', loss=loss, training=sum(curve[-100:])/100)

def losses(steps=400, side=16, seeds=(0, 1, 2)):
    "For each seed one run in float32 and one in bfloat16, from the same weights with the same draws."
    images, runs = emoji(side=side), []
    for seed in seeds:
        for bf16 in (False, True):
            runs.append(trained(images, steps, seed, bf16))
            print(runs[-1], flush=True)
    def by(precision): return torch.tensor([r['loss'] for r in runs if r['precision'] == precision]).double()
    difference, spread = float((by('bf16') - by('float32')).mean()), float(by('float32').std())
    return dict(steps=steps, side=side, runs=runs, difference=difference, seed_spread=spread)
