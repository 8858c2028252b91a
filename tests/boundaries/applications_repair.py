"Calls of selfrefine.applications.repair that must be refused: (call, error, words of its message)."
import torch
from selfrefine.applications.repair import check_fitted, flaw_mask, rank, ranked_sheet, read_named_images, repair
from selfrefine.diffusion.models import ddpm
from selfrefine.method.highlighter import FlawHighlighter, shipped_highlighter

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    x, maps, nan = torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8), torch.rand(4, 1, 16, 16), float('nan')
    (folder/'empty').mkdir()
    (folder/'file').write_text('no picture')
    return globals() | dict(folder=folder, x=x, maps=maps, nan=nan, h=shipped_highlighter(), model=ddpm(16),
                            new=FlawHighlighter(width=1/32))

rows = [
    ("flaw_mask(maps, area=0)", ValueError, ['above 0 and below 1']),
    ("flaw_mask(maps, area=nan)", ValueError, ['area must be']),
    ("flaw_mask(maps, area='all')", ValueError, ['area must be']),
    ("flaw_mask(maps, None, nan)", ValueError, ['threshold must be']),
    ("flaw_mask(maps, None, 2.)", ValueError, ['threshold must be']),
    ("flaw_mask(maps, grow=1.5)", ValueError, ['grow must be']),
    ("flaw_mask(maps*nan)", ValueError, ['maps hold NaN']),
    ("flaw_mask(maps[:0])", ValueError, ['non-empty']),
    ("check_fitted(judge=new)", ValueError, ['the judge has not been fitted']),
    ("check_fitted(judge='paper')", TypeError, ['the judge must be an object of FlawHighlighter']),
    ("repair(model, x, h, h)", ValueError, ['cannot judge the result']),
    ("repair(model, x, None)", TypeError, ['finder must be']),
    ("repair(model, x, new)", ValueError, ['the finder has not been fitted']),
    ("repair(model.net, x, h)", TypeError, ['model must be an object of Diffusion']),
    ("repair(model, x.float(), h)", ValueError, ['non-empty uint8', 'to_uint8']),
    ("repair(model, torch.zeros(2, 3, 32, 32).byte(), h)", ValueError, ['16', '32']),
    ("repair(model, x, h, area=nan)", ValueError, ['area must be']),
    ("repair(model, x, h, area=None)", ValueError, ['either the area or a threshold']),
    ("read_named_images(folder/'none')", FileNotFoundError, ['no image set']),
    ("read_named_images(folder/'empty')", ValueError, ['no images in']),
    ("read_named_images(folder/'file')", ValueError, ['file']),
    ("rank(folder/'empty', h)", ValueError, ['no images in']),
    ("rank(x, new)", ValueError, ['has not been fitted']),
    ("rank(x, None)", TypeError, ['highlighter must be']),
    ("rank(x/255, h)", ValueError, ['non-empty uint8']),
    ("rank(None, h)", ValueError, ['non-empty uint8']),
    ("rank(x, h, ['one'])", ValueError, ['1 names for 4 images']),
    ("rank(x, h, shown=0)", ValueError, ['shown must be']),
    ("rank(x, h, out=folder/'file')", OSError, ['nothing can be written to']),
    ("rank(x, h, out=folder/'file'/'out')", OSError, ['nothing can be written to']),
    ("ranked_sheet(x, maps[:2], [{}]*4)", ValueError, ['4 images, 2 maps'])]
