"Training in bfloat16 against float32: the loss at equal steps."
from dataclasses import replace
import torch
from selfrefine.data.images import part, to_float
from selfrefine.data.sets import emoji
from selfrefine.diffusion.losses import diffusion_loss
from selfrefine.diffusion.models import ddpm
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.ema import Ema
from selfrefine.diffusion.training import draw_step, train

def held_out(net, scheduler, x, recipe, n=8):
    "The loss on images that were not trained on, over the same noise for all."
    with torch.no_grad():
        return sum(float(diffusion_loss(net, scheduler, x[:recipe.batch], t, e, e))
                   for t, e in (draw_step(recipe, 10**6 + k, x.shape[1:], 1000) for k in range(n)))/n

def losses(steps=400, side=16, seeds=(0, 1, 2)):
    "For each seed one run in float32 and one in bfloat16, from the same weights with the same draws."
    images, runs = emoji(side=side), []
    for seed in seeds:
        for bf16 in (False, True):
            model = ddpm(side, seed=seed)
            recipe = Recipe(32, 4e-4, 20, bf16=bf16, seed=seed)
            ema = Ema(model, .99)
            curve = train(model, part(images, 'train'), steps, recipe, ema, progress=False)
            fixed = replace(recipe, seed=99, bf16=False, batch=64)
            runs.append(dict(seed=seed, precision='bf16' if bf16 else 'float32', loss=held_out(ema.model.net, model.scheduler, to_float(part(images, 'test').x), fixed), training=sum(curve[-100:])/100))
            print(runs[-1], flush=True)
    by = lambda p: torch.tensor([r['loss'] for r in runs if r['precision'] == p], dtype=torch.float64)
    return dict(steps=steps, side=side, runs=runs, difference=float((by('bf16') - by('float32')).mean()), seed_spread=float(by('float32').std()))
