"What all tests share: a cache of their own."
import os
import pytest

@pytest.fixture(scope='session', autouse=True)
def cache(tmp_path_factory):
    "Links are made anew in every session, and never beside the user's."
    os.environ['SELFREFINE_CACHE'] = str(tmp_path_factory.mktemp('cache'))

@pytest.fixture
def cpu(monkeypatch):
    "Training stays on the CPU, also where there is a GPU: results are compared bit for bit."
    monkeypatch.setenv('ACCELERATE_USE_CPU', 'true')
