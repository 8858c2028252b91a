"Calls of selfrefine.applications that must be refused: (call, error, words of its message)."
import json, math, socket
from pathlib import Path
import numpy as np
from PIL import Image
import torch
from selfrefine.data.images import grid as sheet
from selfrefine.diffusion.models import ddpm
from selfrefine.applications.free_form_masks import lama_mask
from selfrefine.applications.inpainting import Walk, as_mask, make_masks, read_mask, repaint, repaint_batch
from selfrefine.applications.inpainting import repaint_walk, resize_mask
from selfrefine.applications.study_answers import check_answers, count_votes, pixel_digest, png_bytes, prepare_study
from selfrefine.applications.study_answers import read_answers, read_study_images
from selfrefine.applications.study_maps import flaw_maps, read_maps
from selfrefine.applications.study_page import Study, accept, main, serve, study_app
from selfrefine.applications.user_study import chance_rates, match_rate, people_agreement, study_report, study_rows

def _lines(folder, text):
    "A folder whose answers are these lines."
    folder.mkdir()
    (folder/'answers.jsonl').write_text(text)

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    x = torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8)
    m, model = torch.zeros(1, 1, 16, 16, dtype=torch.uint8), ddpm(16)
    m[..., 4:8, 4:8] = 1
    images = {f'{i}.png': image for i, image in enumerate(x)}
    maps = {name: torch.rand(1, 16, 16) for name in images}
    answer = dict(participant='a', image='0.png', sha256=pixel_digest(x[0]), grid=4, cells=[0, 1, 2], time='')
    for name in ('pictures', 'twins', 'mine/images'): (folder/name).mkdir(parents=True)
    for i in range(3): sheet(x[[i]]).save(folder/f'pictures/{i}.png')
    for i in range(2): sheet(x[:1]).save(folder/f'twins/{i}.png')
    (folder/'mine/images/cat.png').write_bytes(b'a cat')
    (folder/'half.png').write_bytes((folder/'pictures/0.png').read_bytes()[:60])
    (folder/'half.safetensors').write_bytes(b'half')
    erased = Image.new('RGBA', (16, 16), 'white')
    erased.paste((255, 255, 255, 0), (0, 0, 4, 4))
    Image.linear_gradient('L').save(folder/'grey.png')
    _lines(folder/'edited', json.dumps(answer | dict(cells=[1, 2])) + '\n')
    _lines(folder/'nested', '['*100_000 + ']'*100_000 + '\n')
    study, taken = Study(folder/'pictures', folder/'study'), socket.create_server(('127.0.0.1', 0))
    port = taken.getsockname()[1]
    return globals() | locals()

rows = [
    # masks
    ("lama_mask('wid', 32)", ValueError, ['wide, narrow', "did you mean 'wide'?"]),
    ("lama_mask('wide', 2)", ValueError, ['side', 'at least 8']),
    ("as_mask(None)", TypeError, ['a mask must be', 'NoneType']),
    ("as_mask(m[0, 0])", ValueError, ['has the shape', 'make_masks']),
    ("as_mask(m*.5)", ValueError, ['0 (known) and 1 (hole)', 'threshold']),
    ("as_mask(m*math.nan)", ValueError, ['0 (known) and 1 (hole)']),
    ("as_mask(m, 3, 32)", ValueError, ['side 32', 'resize_mask']),
    ("resize_mask(m, 0)", ValueError, ['side', 'at least 1']),
    ("make_masks('wiide', 32)", ValueError, ['wide, narrow, lines, half or a picture', "did you mean 'wide'?"]),
    ("make_masks(None, 32)", ValueError, ['or a picture', 'None']),
    ("make_masks('wide', '32')", ValueError, ['side']),
    ("make_masks('half', 32, n=0)", ValueError, ['n must be']),
    ("make_masks(folder/'none.png', 32)", ValueError, ['or a picture', 'none.png']),
    ("read_mask(folder/'none.png', 32)", FileNotFoundError, ['none.png']),
    ("read_mask(folder/'half.png', 32)", ValueError, ['half.png', 'cannot be read']),
    ("read_mask(folder/'grey.png', 32)", ValueError, ['has greys', 'threshold']),
    ("read_mask(Image.new('RGB', (8, 8), 'red'), 32)", ValueError, ['has a colour', 'white']),
    ("read_mask(erased, 32)", ValueError, ['white with transparent places', 'invert=True']),
    ("make_masks(erased, 32)", ValueError, ['white with transparent places', 'invert=True']),
    ("read_mask(Image.new('L', (8, 4)), 32)", ValueError, ['square', '8x4']),
    ("read_mask(folder, 32)", ValueError, ['cannot be read']),
    # RePaint
    ("Walk(steps=1)", ValueError, ['steps', 'at least 2']),
    ("Walk(steps=10.5)", ValueError, ['steps', '10.5']),
    ("Walk(jump_n_sample=0)", ValueError, ['jump_n_sample']),
    ("Walk(steps=5)", ValueError, ['no jump of 10 fits']),
    ("repaint_walk('paper')", TypeError, ['walk must be an object of Walk']),
    ("repaint(model, x.float(), m)", ValueError, ['to_uint8']),
    ("repaint(model, x, m*.5)", ValueError, ['0 (known) and 1 (hole)']),
    ("repaint(model, x, m[..., :8, :8])", ValueError, ['side 16']),
    ("repaint(model, x, m.expand(2, -1, -1, -1))", ValueError, ['(1 or 3, 1, S, S)']),
    ("repaint(model, x[:, :1], m)", ValueError, ['(3, 16, 16), not (1, 16, 16)']),
    ("repaint(model, x[..., :8, :8], m)", ValueError, ['resize them first']),
    ("repaint(model, x, m, walk='paper')", TypeError, ['walk must be an object of Walk']),
    ("repaint(model, x, m, batch=0)", ValueError, ['batch']),
    ("repaint(None, x, m)", TypeError, ['the model must be']),
    ("repaint(model, x, None)", TypeError, ['a mask must be']),
    ("repaint_batch(model, x[:1]/255*math.nan, m, [0], Walk(4, 1, 1))", ValueError, ['without NaN']),
    ("repaint_batch(model, x[:1].float(), m, [0], Walk(4, 1, 1))", ValueError, ['[-1, 1]', 'to_float']),
    ("repaint_batch(model, x[:1]/255, m, [0], Walk(2000, 1, 1))", ValueError, ['1 to 1000', '2000']),
    # a study's images and answers
    ("pixel_digest(None)", ValueError, ['a picture of a study', 'NoneType']),
    ("pixel_digest(x)", ValueError, ['(3, S, S)', '(3, 3, 16, 16)']),
    ("png_bytes(x[0].float())", ValueError, ['uint8', 'float32']),
    ("read_study_images(folder/'none')", FileNotFoundError, ['none']),
    ("read_study_images(folder/'twins')", ValueError, ['0.png and 1.png', 'same picture']),
    ("read_study_images(folder/'half.png')", ValueError, ['half.png']),
    ("prepare_study(x, folder/'mine')", OSError, ['cat.png', 'another folder']),
    ("prepare_study(x[:0], folder/'new')", ValueError, ['non-empty']),
    ("prepare_study(x.float(), folder/'new')", ValueError, ['to_uint8']),
    ("prepare_study(x[..., :8], folder/'new')", ValueError, ['squares of one size']),
    ("prepare_study(x[[0, 0]], folder/'new')", ValueError, ['sample 0 and sample 1', 'same picture']),
    ("prepare_study(x[:, :1], folder/'new')", ValueError, ['(3, S, S)']),
    ("read_answers(folder/'edited')", ValueError, ['line 1, is no answer', 'restore the line']),
    ("read_answers(folder/'nested')", ValueError, ['line 1, is no answer']),
    ("check_answers([{}], images, 4)", ValueError, ['number 0 of the answers is none', 'read_answers']),
    ("check_answers([answer], images, 5)", ValueError, ['grid of 4 x 4, not 5 x 5']),
    ("check_answers([answer], {'0.png': x[1]}, 4)", ValueError, ['not the picture that a saw']),
    ("count_votes([])", ValueError, ['there are no answers']),
    ("count_votes(['answer'])", ValueError, ['number 0 of the answers']),
    ("count_votes([answer | dict(grid=10**6)])", ValueError, ['number 0 of the answers']),
    # the page
    ("Study(folder/'none')", FileNotFoundError, ['none']),
    ("Study(folder/'pictures', folder, grid=1)", ValueError, ['cells a side', 'from 2 to 16']),
    ("Study(folder/'pictures', folder, grid='4')", ValueError, ['cells a side', "'4'"]),
    ("accept(b'a=1&'*10**6, 'b', study.digests, study.out, 4)", ValueError, ['three different cells']),
    ("accept(b'', 'b', study.digests, study.out, 4)", ValueError, ['three different cells']),
    ("study_app('pictures')", TypeError, ['the study must be an object of Study']),
    ("serve('pictures')", TypeError, ['the study must be an object of Study']),
    ("serve(study, 65536)", ValueError, ['port', 'from 0 to 65535']),
    ("serve(study, -1)", ValueError, ['port']),
    ("serve(study, port)", OSError, ['cannot be opened', '--port']),
    ("main([str(folder/'none')])", SystemExit, ['study: ', 'none']),
    ("main([str(folder/'pictures'), '--out', str(folder/'half.png')])", SystemExit, ['answers cannot go to']),
    # maps and the report
    ("read_maps(None)", ValueError, ['a dict, a file or a folder', 'None']),
    ("read_maps(folder/'none')", FileNotFoundError, ['no maps at']),
    ("read_maps(folder/'half.safetensors')", ValueError, ['is damaged']),
    ("read_maps({'a': torch.rand(3, 4, 4)})", ValueError, ['the map of a', '(3, 4, 4)']),
    ("read_maps({'a': torch.rand(4, 4)/0})", ValueError, ['NaN or infinity']),
    ("read_maps({'a': 'map'})", ValueError, ['the map of a', 'str']),
    ("flaw_maps({}, None)", ValueError, ['there are no images']),
    ("chance_rates(1)", ValueError, ['grid', 'at least 2']),
    ("match_rate([], maps)", ValueError, ['there are no answers']),
    ("match_rate([answer], {})", ValueError, ['no map for 0.png']),
    ("match_rate([answer], maps, n_boot=0)", ValueError, ['n_boot']),
    ("match_rate([answer], maps, level=95)", ValueError, ['level']),
    ("people_agreement([])", ValueError, ['there are no answers']),
    ("study_rows([], maps, 0)", ValueError, ['grid']),
    ("study_report([], {}, maps)", ValueError, ['there are no images']),
    ("study_report([], images, {})", ValueError, ['no map for 0.png']),
    ("study_report([], images, maps, grid=1)", ValueError, ['grid']),
    ("study_report([], images, maps, shown=0)", ValueError, ['shown']),
    ("study_report([answer], images, maps, grid=5)", ValueError, ['grid of 4 x 4, not 5 x 5'])]
