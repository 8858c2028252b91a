"A guidance map, a metric and a model are each one entry in one place: tables and arms follow."
import pytest
import torch
from selfrefine import Diffusion
from selfrefine.diffusion.models import MODELS, Model
from selfrefine.diffusion.schedules import ddpm_schedule
from selfrefine.diffusion.unet import unet
from selfrefine.experiments.metrics import METRICS, Metric, pair_images
from selfrefine.experiments.pipeline import load_maps, load_samples
from selfrefine.experiments.presets import OVERRIDES, settings
from selfrefine.experiments.table import experiment, guide_rows, model_rows
from selfrefine.method.mfam import GUIDES, Guide

pytestmark = pytest.mark.usefixtures('cpu')
tiny = dict(source='emoji:smileys', side=16, base_steps=2, highlighter_width=1/16, n_fake=16, steps=2, cycle=1, batch=4,
            n_map=4, map_steps=2, n=8, encoder='squeezenet')

def corner_map(context):
    m = torch.zeros(1, 1, context.side, context.side)
    m[..., :4, :4] = 1
    return m

def test_guide(monkeypatch, tmp_path):
    "One entry of `GUIDES` is an arm, and a row of Table 7."
    monkeypatch.setitem(GUIDES, 'corner', Guide('corner', 'Corner Map', corner_map))
    rows = [row for row in guide_rows() if row['arm'] in ('base', 'corner')]
    table = experiment('corner', rows, 'smoke', str(tmp_path), **tiny)
    maps = load_maps(table.cells[0].links['corner', 0]['arm'])
    assert list(maps) == [2, 3] and all(m[0, 0].nonzero().max() == 3 and m.sum() == 16 for m in maps.values())
    found = {(r['method'], r['arm']): r['mean'] for r in table.rows if r['metric'] == 'KID to train'}
    assert list(found) == [('No map', 'base'), ('Corner Map', 'corner')] and len(set(found.values())) == 2

@pytest.fixture
def small_model(monkeypatch):
    "A model of one function, with a line for the preset `smoke`."
    def small(side=32, seed=0):
        net = unet('ddpm', side, channels=(16, 32), layers=1, attention=(16,), head_dim=16, seed=seed)
        return Diffusion(net, ddpm_schedule())
    monkeypatch.setitem(MODELS, 'small', Model('Small U-Net', small))
    monkeypatch.setitem(OVERRIDES, 'small', dict(smoke=dict(lr=2e-3)))

def test_model(small_model, tmp_path):
    "One entry of `MODELS` and its line of `OVERRIDES` are two rows of Table 1; a preset without a line is refused."
    rows = [(r['method'], r['arm']) for r in model_rows()]
    assert rows[-2:] == [('Small U-Net', 'base'), ('Self-Refining Small U-Net', 'both')]
    assert settings('smoke', 'small', **tiny).lr == 2e-3
    refused = "the preset quick has no line for 'small'.*add it to OVERRIDES"
    with pytest.raises(ValueError, match=refused): settings('quick', 'small')
    table = experiment('small', model_rows(['small']), 'smoke', tmp_path, **tiny)
    assert list(table.table().index) == ['Small U-Net', 'Self-Refining Small U-Net']
    assert {r['model'] for r in table.rows} == {'small'}
    drawn = [load_samples(l['samples'], 16) for l in table.cells[0].links.values()]
    assert not torch.equal(*drawn)

def test_metric(monkeypatch, tmp_path):
    "One entry of `METRICS` is a column of every table, with its interval beside it."
    def contrast(samples): return samples.float().flatten(1).std(1)
    metric = Metric('contrast', contrast, ('samples',), higher_is_better=True, interval=pair_images)
    monkeypatch.setattr('selfrefine.experiments.metrics.METRICS', [*METRICS, metric])
    table = experiment('contrast', model_rows(['ddpm']), 'smoke', tmp_path, **tiny)
    shown = table.table()
    assert {'contrast', 'contrast: difference'} <= set(shown.columns)
    for (arm, _), links in table.cells[0].links.items():
        [row] = [r for r in table.rows if (r['metric'], r['arm']) == ('contrast', arm)]
        assert row['mean'] == pytest.approx(load_samples(links['samples'], 16).float().flatten(1).std(1).mean().item())
    assert row['against_baseline']['low'] < row['against_baseline']['mean'] < row['against_baseline']['high']
