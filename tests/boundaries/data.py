"Calls of selfrefine.data that must be refused: (call, error, words of its message)."
from selfrefine.data.checks import check_choice, check_number
from selfrefine.data.randomness import generator

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    return globals() | dict(folder=folder)

rows = [
    ("check_number('n', 0, 1)", ValueError, ['n must be a whole number of at least 1', '0']),
    ("check_choice('sampler', 'dimm', ('ddpm', 'ddim'))", ValueError, ["did you mean 'ddim'"])]
