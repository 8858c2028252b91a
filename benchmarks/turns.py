"Both phases in one run, ten steps of each in turn, so that what slows the machine down for a while slows both."
import time
import torch
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.training import train
from selfrefine.method.phases import Phases
from . import training

TURN, ROUND = 10, 100  # steps of a phase at a time, and in a round

class Turns(Phases):
    "Base and refinement phase in turn; a cycle counts the steps of the refinement phase alone."
    def phase(self, step): return ('base', 'refinement')[step//TURN % 2]
    def due(self, step):
        refined = step//(2*TURN)*TURN + step % TURN
        refined -= refined % self.cycle
        return refined//TURN*2*TURN + TURN + refined % TURN

def turns(model, images, ema, refiner, rounds):
    """Mean seconds of a step of the refinement phase and of the base phase in each round, and of a map.

    A first round does not count; the refiner's phases are `Turns`.
    """
    began, maps, at = [], [], refiner.at
    def timed_at(step):
        began.append(time.perf_counter())
        at(step)
    refiner.at, refiner.watch = timed_at, lambda *args: maps.append(refiner.seconds)
    recipe = Recipe(training.BATCH, 1e-4, 10, bf16=training.half())
    train(model, images, (rounds + 1)*2*ROUND + 1, recipe, ema, refiner, progress=False)
    steps = torch.tensor(began, dtype=torch.float64).diff().view(rounds + 1, -1, 2, TURN)
    base, refinement = steps[1:].mean((1, 3)).T.tolist()
    return refinement, base, dict(map_s=(maps[-1] - maps[0])/(len(maps) - 1))
