"A set that is larger than memory goes through the whole chain and gives the numbers of one that is not."
from functools import partial
import pytest
import torch
from selfrefine.data.images import grid
from selfrefine.data.streamed import Streamed
from selfrefine.data.sets import emoji, load_images
from selfrefine.experiments import pipeline
from selfrefine.experiments.cache import data_digest
from selfrefine.experiments.table import experiment

methods = [dict(method='DDPM', arm='base', paper=None), dict(method='Self-Refining DDPM', arm='both', paper=None)]

@pytest.fixture
def folder(tmp_path):
    "Sixty emoji as files."
    (tmp_path/'faces').mkdir()
    for i, image in enumerate(emoji().x[:60]): grid(image[None]).save(tmp_path/f'faces/{i:02}.png')
    return tmp_path/'faces'

def run(folder, out):
    "Both arms, from shipped weights."
    shipped = dict(base_folder='shipped', highlighter_file='shipped')
    return experiment('try', methods, 'smoke', str(out), source=str(folder), n=16, **shipped).cells[0]

def test_a_streamed_set_gives_the_numbers_of_one_in_memory(cpu, monkeypatch, folder, tmp_path):
    torch.set_num_threads(1)
    monkeypatch.setenv('SELFREFINE_CACHE', str(tmp_path/'cache'))
    held, whole = run(folder, tmp_path/'held'), []
    monkeypatch.setattr(pipeline, 'load_images', partial(load_images, max_bytes=1))
    monkeypatch.setattr(Streamed, 'x', property(lambda self: whole.append(self.name) or self[:]))
    streamed = run(folder, tmp_path/'streamed')
    assert isinstance(streamed.images, Streamed) and set(whole) == {'png'}, 'only samples are ever read whole'
    for key, results in held.results.items():
        assert streamed.links[key]['arm'] != held.links[key]['arm'], 'each set has trained its own arm'
        assert streamed.results[key].keys() == results.keys()
        for name, result in results.items():
            again = streamed.results[key][name]
            assert torch.equal(again.reference, result.reference), 'the features of the real images'
            assert again.value == pytest.approx(result.value, rel=0, abs=1e-6)

def test_sets_that_differ_have_different_digests(folder, tmp_path):
    other = tmp_path/'other/faces'
    other.mkdir(parents=True)
    for f in folder.iterdir(): (other/f.name).write_bytes(f.read_bytes())
    sets = [load_images(path, side, max_bytes=1) for path, side in ((folder, 32), (folder, 16), (other, 32))]
    sets += [sets[0].take(sets[0].parts[p], p) for p in ('train', 'test')]
    assert len(set(map(data_digest, sets))) == len(sets)
    assert data_digest(sets[0]) == data_digest(load_images(folder, 32, max_bytes=1))
