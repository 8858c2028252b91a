"What all tests share: a cache of their own, and a browser where there is one."
import os, re, shutil, signal
import pytest

if 'PYTEST_XDIST_WORKER_COUNT' in os.environ:  # before torch is imported: workers and what they start share the cores
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, os.cpu_count()//int(os.environ['PYTEST_XDIST_WORKER_COUNT']))))

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    "A worker takes a file at a time, and of the reports one report with all its tests; Figure 7 is Table 5's."
    from xdist.scheduler import LoadScopeScheduling
    class ByFileOrReport(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            report = re.search(r'test_reports\.py::.*\[(\w+)\]$', nodeid)
            if not report: return nodeid.partition('::')[0]
            return 'table5' if report[1] == 'fig7' else report[1]
    return ByFileOrReport(config, log)

@pytest.fixture(scope='session', autouse=True)
def cache(tmp_path_factory):
    "Links are made anew in every session, and never beside the user's."
    os.environ['SELFREFINE_CACHE'] = str(tmp_path_factory.mktemp('cache'))

@pytest.fixture
def cpu(monkeypatch):
    "Training stays on the CPU, also where there is a GPU: results are compared bit for bit."
    monkeypatch.setenv('ACCELERATE_USE_CPU', 'true')

@pytest.fixture(scope='module')
def interrupts():
    "Ctrl-C is heeded here and in what is started, also where the shell has started pytest in the background."
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

@pytest.fixture(scope='module')
def browser():
    found = map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))
    chromium = next(filter(None, found), None)
    if not chromium: pytest.skip('no Chromium on this machine; on Debian: apt-get install chromium')
    api = pytest.importorskip('playwright.sync_api', reason="playwright is not installed: pip install -e '.[dev]'")
    flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
             '--disable-component-update', '--disable-sync']
    with api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()

@pytest.fixture
def page(browser):
    "A page that fails its test if anything was printed to the console or requested from another machine."
    context = browser.new_context()
    page, messages, urls = context.new_page(), [], []
    page.set_default_timeout(90_000)  # ms; a busy machine is no failure
    page.on('console', lambda m: messages.append(f'{m.type}: {m.text}'))
    page.on('pageerror', lambda e: messages.append(str(e)))
    page.on('request', lambda r: urls.append(r.url))
    yield page
    context.close()
    assert not [m for m in messages if not re.match('log: Changed to .* mode', m)]  # by Furo's toggle
    local = re.compile(r'(http://127\.0\.0\.1:\d+/|data:|blob:)')
    assert urls and all(map(local.match, urls)), [u for u in urls if not local.match(u)]
