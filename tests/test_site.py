"The site: built without a warning, complete, and asking nothing of another host."
import re, shutil, subprocess, sys, threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse
import pytest

root = Path(__file__).parent.parent

@pytest.fixture(scope='module')
def site():
    "A build from nothing into `_docs`."
    if not (root/'nbs/index.ipynb').exists(): pytest.skip('there is no nbs/index.ipynb to start from')
    shutil.rmtree(root/'_docs', ignore_errors=True)
    build = subprocess.run([sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html', 'docs', '_docs'],
                           cwd=root, capture_output=True, text=True)
    assert build.returncode == 0, build.stderr
    return root/'_docs'

@pytest.fixture(scope='module')
def address(site):
    "The site, served to this machine only."
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()

def test_every_notebook_has_a_page(site):
    library = {re.sub(r'^\d+\w?_', '', p.stem) for p in (root/'nbs').glob('[0-9]*.ipynb')}
    reports = {p.stem for p in (root/'reports').glob('*.ipynb')}
    assert library | reports | {'index', 'search'} <= {p.stem for p in site.glob('*.html')}

def test_links_lead_somewhere(site):
    "Every local link, picture, script and style exists; only words to click on name another host."
    for html in site.glob('*.html'):
        for tag, link in re.findall(r'<(\w+)\b[^>]*?\b(?:src|href)="([^"]+)"', html.read_text()):
            url = urlparse(link)
            if url.scheme or url.netloc: assert tag == 'a' or url.scheme == 'data', f'{html.name}: <{tag}> asks {link}'
            elif url.path: assert (site/unquote(url.path)).exists(), f'{html.name}: {link} leads nowhere'
    for css in site.rglob('*.css'): assert not re.search(r'(@import|url\()\s*["\']?(https?:)?//', css.read_text()), css

def test_source_stands_on_the_page(site):
    "A literate cell shows its definition, and no directive of nbdev is left."
    text = re.sub(r'<[^>]+>', '', (site/'data.html').read_text())
    assert 'def generator(' in text and '#| ' not in text and 'default_exp' not in text

def test_formula_and_figure(page, address):
    page.goto(f'{address}/data.html')
    page.wait_for_selector('mjx-container mjx-math')
    assert page.locator('mjx-merror').count() == 0
    assert page.locator('div.cell_output img').count(), 'no output is stored; run: python tools/execute.py nbs/00_data.ipynb'
    figure = page.locator('div.cell_output img').first
    figure.scroll_into_view_if_needed()
    page.wait_for_function('i => i.complete && i.naturalWidth > 0', arg=figure.element_handle())

def test_search(page, address):
    page.goto(f'{address}/index.html')
    page.fill('input.sidebar-search', 'generator')
    page.press('input.sidebar-search', 'Enter')
    page.wait_for_selector('#search-results li a')
    assert any('data.html' in a.get_attribute('href') for a in page.locator('#search-results li a').all())

def test_dark_mode(page, address):
    page.goto(f'{address}/data.html')
    colour = lambda: page.evaluate('getComputedStyle(document.body).backgroundColor')
    page.emulate_media(color_scheme='light')
    light, toggle = colour(), page.locator('.theme-toggle:visible').first
    for _ in range(3):
        if page.locator('body').get_attribute('data-theme') != 'dark': toggle.click()
    assert colour() != light
    page.reload()
    assert page.locator('body').get_attribute('data-theme') == 'dark'  # it is remembered
