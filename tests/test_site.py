"The site: built without a warning, complete, and asking nothing of another host."
import re, shutil, subprocess, sys, threading
from configparser import ConfigParser
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
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html', 'docs', '_docs']
    build = subprocess.run(command, cwd=root, capture_output=True, text=True)
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
    folders = [p for p in (root/'nbs').iterdir() if p.is_dir() and p.name not in ('shipped', '.ipynb_checkpoints')]
    library = {f'{f.name}-{re.sub(r"^[0-9]+[a-z]?_", "", p.stem)}' for f in folders for p in f.glob('*.ipynb')}
    reports = {p.stem for p in (root/'reports').glob('*.ipynb')}
    full = {f'full-{p.stem}' for p in (root/'reports/full').glob('*.ipynb')}
    wanted = library | reports | full | {'index', 'search', 'reference', 'deviations'}
    assert library and wanted <= {p.stem for p in site.glob('*.html')}

def test_sidebar(site):
    "One section for each folder, in the order of settings.ini."
    html = (site/'index.html').read_text()
    captions = re.findall(r'<span class="caption-text">(.*?)</span>', html)
    ini = ConfigParser()
    ini.read(root/'settings.ini')
    folders = [f.capitalize() for f in ini['DEFAULT']['folders'].split()]
    assert captions == [*folders, 'How-to', 'Guides', 'Results']

def test_links_between_folders(site):
    "A link to a notebook of another folder, or from a report to another, leads to its page."
    assert 'href="data-sets.html"' in (site/'deviations.html').read_text()
    assert 'href="method-mfam.html"' in (site/'howto-add_guide.html').read_text()
    assert 'href="localisation.html"' in (site/'fig9.html').read_text()

def test_report_shows_its_file(site):
    "A picture that is not embedded is shown from the file beside the executed notebook."
    for page, picture in (('table1', 'reports/table1.png'), ('full-table1', 'reports/full/table1.png')):
        shown = re.findall(r'<img[^>]*src="(_images/[^"]+)"', (site/f'{page}.html').read_text())
        assert (root/picture).read_bytes() in [(site/s).read_bytes() for s in shown], page

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
    text = re.sub(r'<[^>]+>', '', (site/'data-randomness.html').read_text())
    assert 'def generator(' in text and '#| ' not in text and 'default_exp' not in text

def test_formula_and_figure(page, address):
    page.goto(f'{address}/data-images.html')
    page.wait_for_selector('mjx-container mjx-math')
    assert page.locator('mjx-merror').count() == 0
    assert page.locator('div.cell_output img').count(), 'run python tools/execute.py nbs/data/02_images.ipynb'
    figure = page.locator('div.cell_output img').first
    figure.scroll_into_view_if_needed()
    page.wait_for_function('i => i.complete && i.naturalWidth > 0', arg=figure.element_handle())

def test_search(page, address):
    page.goto(f'{address}/index.html')
    page.fill('input.sidebar-search', 'generator')
    page.press('input.sidebar-search', 'Enter')
    page.wait_for_selector('#search-results li a[href*="data-randomness.html"]')

def test_dark_mode(page, address):
    page.goto(f'{address}/data-images.html')
    colour = lambda: page.evaluate('getComputedStyle(document.body).backgroundColor')
    page.emulate_media(color_scheme='light')
    light, toggle = colour(), page.locator('.theme-toggle:visible').first
    for _ in range(3):
        if page.locator('body').get_attribute('data-theme') != 'dark': toggle.click()
    assert colour() != light
    page.reload()
    assert page.locator('body').get_attribute('data-theme') == 'dark'  # it is remembered
