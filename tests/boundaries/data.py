"Calls of selfrefine.data that must be refused: (call, error, words of its message)."
import os, zipfile
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from selfrefine.data.checks import check_choice, check_number
from selfrefine.data.image_files import Database, Files, read_images, report_unreadable
from selfrefine.data.images import (
    batches, evenly_spaced, grid, image_bytes, Images, Latents, name_hash, part, split, to_float, to_uint8)
from selfrefine.data.pictures import check_colour, crop_square, picture_size, read_picture
from selfrefine.data.randomness import batch_indices, epoch_order, generator, seeded_init, undisturbed
from selfrefine.data.sets import emoji, find_source, load_images, open_files
from selfrefine.data.storage import atomic, load_tensors, save_tensors, user_path, write_json
from selfrefine.data.streamed import Streamed

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    (folder/'set').mkdir()
    for i in range(3): Image.new('RGB', (4, 4), (i, 0, 0)).save(folder/f'set/{i}.png')
    for name in ('empty', 'text', 'pipes', 'broken', 'video'): (folder/name).mkdir()
    (folder/'text/notes.md').write_text('no picture')
    (folder/'video/a.mp4').write_bytes(b'\0\0\0 ftypisom')
    for i in range(4): (folder/f'broken/{i}.png').write_bytes(b'\x89PNG nothing')
    for name in ('damaged.zip', 'set.tar', 'set.7z', 'weights.safetensors'): (folder/name).write_bytes(b'\x07 nothing')
    with zipfile.ZipFile(folder/'empty.zip', 'w'): pass
    (folder/'data.mdb').write_bytes(b'404 not found'*100)
    os.mkfifo(folder/'pipes/a.png')
    os.mkfifo(folder/'pipe.zip')
    for name in ('parts/train_0.png', 'parts/test_0.png', 'german/Trainingsdaten/0.png', 'german/Testdaten/0.png',
                 'listed/0.png', 'looped/0.png'):
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 4)).save(folder/name)
    (folder/'listed/test.txt').write_text('0.png')
    (folder/'looped/1.png').symlink_to('1.png')
    x = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images = Images(x, 'four', parts=dict(train=torch.arange(4), val=torch.arange(0)))
    return globals() | dict(folder=folder, x=x, images=images, nan=float('nan'))

whole, set_of, tensor = 'must be a whole number', 'a set of images is needed', 'must be a non-empty uint8 tensor'
unreadable, no_path = 'cannot be read', 'is given as a text or a Path'

rows = [
    ("check_number('n', 0, 1)", ValueError, ['n must be a whole number of at least 1', '0']),
    ("check_choice('sampler', 'dimm', ('ddpm', 'ddim'))", ValueError, ["did you mean 'ddim'"]),

    *[(f'generator({seed}, "noise")', ValueError, ['seed', whole]) for seed in ('1.0', 'nan', 'None', '"1"', 'True')],
    ('generator(0, None)', TypeError, ['stream']),
    ('generator(0, "noise", 1.5)', ValueError, ['step', whole]),
    ('generator(0, "noise", 0, None)', ValueError, ['index', whole]),
    ('batch_indices(0, 4, 0, 0)', ValueError, ['n', whole]),
    ('batch_indices(4, 0, 0, 0)', ValueError, ['batch', whole]),
    ('batch_indices(4, 4, 0, -1)', ValueError, ['step', whole]),
    ('undisturbed(1.5).__enter__()', ValueError, ['seed', whole]),
    ('undisturbed(0, None).__enter__()', TypeError, ['Module']),
    ('seeded_init(None).__enter__()', ValueError, ['seed', whole]),

    *[(f'user_path({p})', TypeError, [no_path]) for p in ('None', '3', '""', 'b"a"', '[]')],
    ('atomic(None).__enter__()', TypeError, [no_path]),
    ('write_json(None, {})', TypeError, [no_path]),
    ('load_tensors(None, "a")', TypeError, [no_path]),
    ('load_tensors(folder/"absent", "a")', FileNotFoundError, ['there is no file']),
    ('load_tensors(folder, "a")', FileNotFoundError, ['there is no file']),
    ('load_tensors(folder/"weights.safetensors", "a")', ValueError, ['weights.safetensors is damaged', 'again']),
    ('save_tensors(folder/"a.safetensors", dict(w=1), "a", {})', TypeError, ["['w'] are none"]),

    *[(f'{call}({bad})', ValueError, [tensor]) for call in ('Images', 'image_bytes', 'grid')
        for bad in ('None', '"x"', 'x.float()', 'x[0]', 'x[:0]', 'x.numpy()', 'torch.zeros(2, 3, 4, 4).bool()')],
    *[(f'{call}(x[:, :1].expand(-1, {c}, -1, -1))', ValueError, ['1 channel (grey) or 3 (RGB)', f'not {c}'])
        for call in ('Images', 'image_bytes', 'grid') for c in (2, 4)],
    ('Images(x.permute(0, 2, 3, 1))', ValueError, ['x.permute(0, 3, 1, 2)']),
    ('Images(x, captions=["one"])', ValueError, ['give one caption for each image']),
    ('Latents(None)', ValueError, ['float tensor']),
    ('Latents(x)', ValueError, ['non-empty float']),
    ('grid(x, columns=0)', ValueError, ['columns', whole]),
    ('grid(x, scale=1.5)', ValueError, ['scale', whole]),
    ('grid(x, gap=-1)', ValueError, ['gap', whole]),
    ('to_float(None)', TypeError, ['uint8', 'NoneType']),
    ('to_float(x.float())', TypeError, ['to_uint8']),
    ('to_uint8(x)', TypeError, ['bytes need no conversion']),
    ('to_uint8([1])', TypeError, ['floats in [-1, 1]']),
    ('to_uint8(x*nan)', ValueError, ['NaN or infinity']),
    ('part(images, "tset")', KeyError, ["not 'tset'"]),
    ('part(images, "val")', ValueError, ['four has 4 images', 'none for val']),
    ('part(x, "val")', TypeError, [set_of, 'Images(x)']),
    ('evenly_spaced(torch.arange(4), 0)', ValueError, ['limit', whole]),
    ('name_hash(None)', TypeError, ['name', 'str']),
    ('split(None)', TypeError, ['list of names']),
    ('split("abc")', TypeError, ['list of names']),
    ('split([1, 2])', TypeError, ['name', 'str']),
    *[(f'batches(images, {b})', ValueError, ['batch', whole]) for b in ('0', '-1', 'nan', '2.5', 'None', '"4"')],
    ('batches(images, 4, seed=nan)', ValueError, ['seed', whole]),
    ('batches(images, 4, start=-1)', ValueError, ['start', whole]),
    ('batches(images, 4, rank=2, world=2)', ValueError, ['rank', 'from 0 to 1']),
    ('batches(images, 4, rank=-1)', ValueError, ['rank']),
    ('batches(images, 4, world=0)', ValueError, ['world', whole]),
    ('batches(images, 4, world=3)', ValueError, ['make it a multiple']),
    ('batches(x, 4)', TypeError, [set_of]),
    ('batches(None, 4)', TypeError, [set_of]),
    ('batches(Streamed(Files(folder/"set"), 8).take(torch.arange(0), "none"), 4)', ValueError, ['none has no images']),

    *[(f'read_picture({p})', TypeError, ['a picture', no_path]) for p in ('None', '3', '""')],
    ('read_picture(folder/"absent.png")', FileNotFoundError, ['there is no file']),
    ('read_picture(folder)', ValueError, [unreadable, 'no regular file']),
    ('read_picture(folder/"pipes/a.png")', ValueError, ['a.png cannot be read', 'no regular file']),
    ('read_picture(folder/"text/notes.md")', ValueError, ['notes.md cannot be read', 'no picture']),
    ('read_picture(folder/"set/0.png", "RGBA")', ValueError, ['mode is one of RGB, L']),
    ('read_picture(folder/"set/0.png", background="whitish")', ValueError, ['a colour is a name']),
    ('picture_size(folder/"broken/0.png")', ValueError, ['0.png cannot be read']),
    ('check_colour((0, 0, 256))', ValueError, ['three bytes']),
    *[(f'crop_square(folder/"set/0.png", {s})', ValueError, ['side', whole]) for s in ('0', '-1', '2.5', '10**9')],

    *[(f'Files({s})', TypeError, ['an image set', no_path]) for s in ('None', '3')],
    ('Files(folder/"absent")', FileNotFoundError, ['there is no image set']),
    *[(f'{call}(folder/{s!r})', ValueError, ['no images in', s]) for call in ('Files', 'load_images')
        for s in ('empty', 'text', 'pipes', 'video', 'empty.zip')],
    *[(f'{call}(folder/{s!r})', ValueError, [f'{s} is not a readable zip', 'unpack'])
        for call in ('Files', 'load_images') for s in ('damaged.zip', 'set.tar', 'set.7z')],
    *[(f'{call}({place})', ValueError, ['is no regular file', 'give a folder or a zip'])
        for call in ('Files', 'load_images') for place in ('folder/"pipe.zip"', '"/dev/zero"')],
    ('load_images(folder/"parts")', ValueError, ['train_0.png and test_0.png', 'parts="drawn"']),
    ('load_images(folder/"german")', ValueError, ["'Testdaten'", 'parts="drawn"']),
    ('load_images(folder/"listed")', ValueError, ['test.txt seem to say the parts', 'parts="drawn"']),
    ('load_images(folder/"looped")', ValueError, ['1 of 2 files', '1.png (there is no file', 'replace or delete']),
    ('load_images(folder/"set/0.png")', ValueError, ['it is one picture; give the folder']),
    ('load_images(folder/"data.mdb")', ValueError, ['lmdb database', 'fetch it again']),
    ('load_images(folder/"broken")', ValueError, ['4 of 4 files', '0.png', 'replace or delete them']),
    ('load_images(folder/"broken", max_bytes=0)', ValueError, ['4 of 4 files', '0.png', 'replace or delete them']),
    ('read_images(Files(folder/"set"), 0)', ValueError, ['side', whole]),
    ('read_images(Files(folder/"set"), 8, threads=0)', ValueError, ['threads', whole]),
    ('Files(folder/"set").read("absent")', ValueError, ['absent', unreadable]),
    ('Streamed(Files(folder/"set"), 0)', ValueError, ['side', whole]),
    ('Streamed(Files(folder/"set"), 8, parts="all")', ValueError, ['parts is one of given, drawn']),

    *[(f'load_images(folder/"set", {s})', ValueError, ['side', whole])
        for s in ('0', '-1', '2.5', '"32"', '10**9', 'None')],
    ('load_images(folder/"set", 8, max_bytes=-1)', ValueError, ['max_bytes']),
    ('load_images(folder/"set", 8, flip="yes")', ValueError, ['flip is one of']),
    ('load_images(folder/"set", 8, parts="al")', ValueError, ['parts is one of given, drawn']),
    ('load_images(folder/"set", 8, background=(1, 2))', ValueError, ['a colour is a name']),
    ('load_images(None)', TypeError, ['an image set', no_path]),
    ('load_images("celebahq")', FileNotFoundError, ["did you mean 'celeba-hq'"]),
    ('load_images("emojis")', FileNotFoundError, ["did you mean 'emoji'"]),
    ('load_images("emoji", 64)', ValueError, ['32 px', 'from 1 to 32']),
    ('load_images("emoji:smilies")', ValueError, ["did you mean 'smileys'"]),
    ('emoji(("horses",))', ValueError, ['an emoji group is one of']),
    ('find_source(folder/"absent")', FileNotFoundError, ['no image set', 'absent'])]
