"What is given wrongly gets one clear sentence: each row of tests/boundaries/ is a call, and what its error must say."
import importlib
from pathlib import Path
import pytest
from selfrefine.experiments.trust import refusal

folders = ('data', 'data_lists', 'method', 'method_phases', 'diffusion', 'diffusion_sampling', 'diffusion_models',
           'evaluation', 'applications', 'applications_repair', 'experiments')
written = [f for f in folders if (Path(__file__).parent/f'boundaries/{f}.py').exists()]
tables = {f: importlib.import_module(f'boundaries.{f}') for f in written}
rows = [(folder, *row) for folder, table in tables.items() for row in table.rows]

@pytest.fixture(scope='module')
def names(tmp_path_factory):
    "What the calls of a folder may use, made once."
    made = {}
    def of(folder):
        if folder not in made: made[folder] = tables[folder].names(tmp_path_factory.mktemp(folder))
        return made[folder]
    return of

@pytest.mark.parametrize('folder, call, error, words', rows, ids=[f'{f}: {call}' for f, call, *_ in rows])
def test_refused_in_one_sentence(names, folder, call, error, words):
    assert refusal(call, error, words, names(folder)) is None
