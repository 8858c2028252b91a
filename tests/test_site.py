"The site: built without a warning, complete, and asking nothing of another host."
import ast, html as html_module, json, re, shutil, subprocess, sys, threading
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
    "By what a reader wants: to begin, to do something, to see results, to understand, to look something up."
    html = (site/'index.html').read_text()
    captions = re.findall(r'<span class="caption-text">(.*?)</span>', html)
    assert captions == ['Start', 'How-to', 'Results', 'Method', 'Package', 'Reference', 'Help']
    ini = ConfigParser()
    ini.read(root/'settings.ini')
    folders = [f for f in ini['DEFAULT']['folders'].split() if f != 'method']
    listed = re.findall(r'href="notebooks-(\w+)\.html"', html)
    assert list(dict.fromkeys(listed)) == [f for f in folders if list((root/'nbs'/f).glob('*.ipynb'))]

def test_sidebar_marks_the_page(site):
    "A page stands out in the sidebar, and the section that it is below of is open."
    tree = (site/'data-images.html').read_text().partition('class="sidebar-tree"')[2].partition('</nav>')[0]
    tree = tree or (site/'data-images.html').read_text()
    current = re.findall(r'<li class="toctree-l(\d) current([^"]*)"><a class="reference internal" href="([^"]+)"', tree)
    assert [(level, link) for level, _, link in current] == [('1', 'notebooks-data.html'), ('2', 'data-images.html')]
    assert 'current-page' in current[1][1] and tree.count(' checked=""') == 1

def body(path):
    "The main part of a page."
    return path.read_text().partition('<article')[2].partition('</article>')[0]

def text(html): return html_module.unescape(re.sub(r'<[^>]+>', '', html))

def titles(site):
    found = {p.name: re.search(r'<h1>(.*?)<a class="headerlink"', p.read_text(), re.S) for p in site.glob('*.html')}
    return {name: text(m[1]) for name, m in found.items() if m}

def test_titles_differ(site):
    "A list of results with four entries of one title says nothing."
    found = list(titles(site).values())
    assert len(found) > 100 and not {t for t in found if found.count(t) > 1}

def test_no_page_opens_with_imports(site):
    "The first code that one sees is about the page's subject; imports are folded."
    opening = {}
    for p in site.glob('*.html'):
        shown = re.sub(r'<details class="admonition hide above-input">.*?</details>', '', body(p), flags=re.S)
        blocks = re.findall(r'<div class="highlight[^"]*"><pre>(.*?)</pre>', shown, re.S)
        opening[p.name] = text(blocks[0]) if blocks else ''
    imports = re.compile(r'(import|from) \w.*(\n(import|from) \w|$)')
    wrong = [name for name, code in opening.items() if imports.match(code.strip())]
    assert not wrong and sum(map(bool, opening.values())) > 80

def public_names():
    "Every name of the modules' `__all__`, with its module."
    for path in sorted((root/'selfrefine').rglob('[!_]*.py')):
        module = '.'.join(path.relative_to(root).with_suffix('').parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '__all__':
                yield from ((module, name) for name in ast.literal_eval(node.value))

def test_every_public_name_has_an_entry(site):
    pages = '\n'.join(p.read_text() for p in site.glob('api-*.html'))
    entries = set(re.findall(r'<dt class="sig sig-object py" id="([\w.]+)"', pages))
    missing = [f'{m}.{n}' for m, n in public_names() if f'{m}.{n}' not in entries]
    assert not missing and len(entries) > 400

def test_entry_says_parameters_shapes_and_errors(site):
    html = (site/'api-applications.html').read_text()
    start = html.index('id="selfrefine.applications.repair.flaw_mask"')
    entry = text(html[start:html.index('<dt class="sig', start)])
    for words in ('area: float | None = 0.15', 'maps \u2013 float (N, 1, S, S)', 'ValueError', '1 = to be repainted'):
        assert words in entry, words
    assert 'Also selfrefine.rank.' in text(html) and 'Repaired.picture' in html

UNRECORDED = 'benchmarks', 'fig4', 'localisation', 'scale', 'scale-latent', 'table2', 'table3'  # older than the record

def test_reports_say_where_they_were_made(site):
    "Commit, date and processor stand on the page, as the report's file has them."
    reports = [p for p in (root/'reports').glob('*.json') if (site/f'{p.stem}.html').exists()]
    assert len(reports) > 15
    for path in reports:
        found, meta = re.search(r'<p class="stamp">(.*?)</p>', body(site/f'{path.stem}.html'), re.S), recorded(path)
        wanted = [meta.get('commit'), (meta.get('date') or '')[:10], meta.get('processor')]
        assert all(wanted) != (path.stem in UNRECORDED), path.name
        assert found and all(w in text(found[1]) for w in wanted if w), path.name

def recorded(path): return json.loads(path.read_text())['meta']

def test_costs_are_those_of_the_reports(site):
    html = text((site/'costs.html').read_text())
    for words in ('Table 1', 'threads', "The paper's presets on a GPU", 'How time and memory grow', 'ddpm-emoji'):
        assert words in html.replace('\u2019', "'"), words

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

tasks = {'own images': 'howto-own_images', 'repair': 'howto-find_flaws', 'out of memory': 'faq',
         'sweep': 'howto-choose_weights', 'how many gpus': 'faq', 'how do i cite': 'faq'}

@pytest.mark.parametrize('words', tasks)
def test_search_leads_to_the_task(page, address, words):
    page.goto(f'{address}/search.html?q={words.replace(" ", "+")}')
    page.wait_for_selector('#search-results ul li a')
    links = [a.get_attribute('href') for a in page.locator('#search-results ul li > a').all()]
    assert f'{tasks[words]}.html' in links[0], links[:5]

def test_fits_a_telephone(page, site, address):
    "At 390 pixels nothing but a wide table scrolls sideways, and that within itself; no line of code is cut."
    page.set_viewport_size(dict(width=390, height=844))
    wide = {}
    for name in ('index', 'start-first_run', 'howto-own_loop', 'method-phases', 'table1', 'costs', 'api-method', 'faq',
                 'results', 'changelog', 'cite', 'notebooks-data', 'full-table2', 'reference'):
        page.goto(f'{address}/{name}.html')
        wide[name] = page.evaluate('document.documentElement.scrollWidth') - 390
        lines = "[...document.querySelectorAll('.highlight pre')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        assert not page.evaluate(f'{lines}.length'), name
    assert not {name: px for name, px in wide.items() if px > 0}

def test_works_from_files(browser, site):
    "Opened from the disk, without a server: pages, menus and search."
    context = browser.new_context()
    page, errors = context.new_page(), []
    page.on('pageerror', lambda e: errors.append(str(e)))
    cannot = 'Failed to fetch'  # the lines below a result, which a browser reads from a server alone
    page.goto((site/'search.html').as_uri() + '?q=highlighter')
    page.wait_for_selector('#search-results ul li a')
    page.goto((site/'index.html').as_uri())
    page.click('text=Install')
    assert page.url.endswith('start-install.html') and not [e for e in errors if e != cannot]
    context.close()

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

def test_a_run_on_a_gpu_is_shown(tmp_path, monkeypatch):
    "The costs page reads what tools/gpu.py writes."
    monkeypatch.syspath_prepend(str(root/'docs'))
    from records import gpu_parts
    assert gpu_parts(tmp_path) == []
    (tmp_path/'reports').mkdir()
    models = [dict(model='ddpm', seconds=7.25, peak_gib=3.5, rows=[])]
    found = dict(meta=dict(gpu='H'), presets=dict(ok=True, models=models),
                 benchmarks=dict(rows=[dict(name='step', seconds=.125, times=[1, 2])]))
    (tmp_path/'reports/gpu.json').write_text(json.dumps(found))
    (tmp_path/'reports/gpu.ipynb').write_text('{}')
    said = '\n'.join(gpu_parts(tmp_path))
    assert '| ddpm | 7.25 | 3.5 |' in said and '| step | 0.125 |' in said and 'times' not in said
