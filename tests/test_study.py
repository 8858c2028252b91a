"The study with people as people meet it: a server process and headless Chromium. The choices made here are tests and go to temporary folders."
import json, os, re, shutil, signal, socket, subprocess, sys
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
import pytest, torch
from selfrefine.data.images import grid
from selfrefine.data.sets import emoji
from selfrefine.method.highlighter import shipped_highlighter
from selfrefine.evaluation.localisation_scores import top_cells
from selfrefine.applications.study_answers import read_answers, read_study_images
from selfrefine.applications.study_page import main
from selfrefine.applications.user_study import flaw_maps, study_report
from small import environment

root = Path(__file__).parent.parent

@pytest.fixture
def images(tmp_path):
    (tmp_path/'images').mkdir()
    for i in range(3): grid(emoji().x[[100*i]]).save(tmp_path/f'images/{i}.png')
    return tmp_path/'images'

def command(images, out, *more): return [sys.executable, '-m', 'selfrefine.applications.study_page', str(images), '--out', str(out), *map(str, more)]

@contextmanager
def served(images, out, *more, stop=signal.SIGINT):
    "The page from a process of its own, which is then ended."
    server = subprocess.Popen(command(images, out, *more), cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        first, said = server.stdout.readline(), []
        while first and 'http://' not in first: said.append(first); first = server.stdout.readline()
        assert first, server.stderr.read()
        server.said = said
        yield server, re.search(r'http://127\.0\.0\.1:\d+', first)[0]
    finally:
        server.send_signal(stop)
        out, err = server.communicate(timeout=60)
    assert 'Traceback' not in err and (stop == signal.SIGKILL or server.returncode == 0), err

def status(address, **headers):
    try: return urlopen(Request(address, headers=headers), timeout=30).status
    except HTTPError as e: return e.code

def lines(out): return [json.loads(s) for s in (out/'answers.jsonl').read_text().splitlines()]

def test_this_machine_only(images, tmp_path):
    with served(images, tmp_path/'study', '--port', 0) as (server, address):
        port = address.rpartition(':')[2]
        assert [status(address), status(f'http://localhost:{port}/')] == [200, 200]
        assert status(address, Host='example.org') == status(address, Host=f'192.168.0.2:{port}') == 400
        with pytest.raises(URLError): urlopen(f'http://127.0.0.2:{port}/', timeout=5)
        taken = subprocess.run(command(images, tmp_path/'study', '--port', port), cwd=root, env=environment, capture_output=True, text=True)
        assert taken.returncode and taken.stderr.startswith(f'study: port {port} cannot be opened') and len(taken.stderr.splitlines()) == 1

def test_says_what_is_missing(images, tmp_path):
    "Without the extra, and with answers of another study, it is one sentence."
    (tmp_path/'without').mkdir()
    for name in ('starlette', 'uvicorn'): (tmp_path/f'without/{name}.py').write_text('raise ImportError')
    run = subprocess.run(command(images, tmp_path), cwd=root, env=environment | dict(PYTHONPATH=str(tmp_path/'without')), capture_output=True, text=True)
    assert run.stderr.strip() == "study: the study's page needs starlette and uvicorn; pip install 'selfrefine[study]'"
    (tmp_path/'answers.jsonl').write_text(json.dumps(dict(participant='a', image='0.png', sha256='x', grid=4, cells=[1, 2, 3], time='')) + '\n')
    for grid, said in ((4, 'study: 0.png is not the picture that a saw'), (3, 'study: answers are there for a grid of 4 x 4')):
        with pytest.raises(SystemExit, match=said): main([str(images), '--out', str(tmp_path), '--grid', str(grid)])

def until(page, condition):
    "Ask again and again from outside: Playwright's own waiting is an `eval` in the page, which the page's policy forbids."
    from playwright.sync_api import Error
    for _ in range(900):
        try:
            if page.evaluate(f"document.readyState == 'complete' && ({condition})"): return  # a server that ends while pictures load is an error on the page
        except Error: pass  # on the way to the next page
        page.wait_for_timeout(100)
    raise AssertionError(f'never true: {condition}')

def begin(page):
    page.get_by_role('link', name='Begin').click()
    page.wait_for_url('**/p/*')
    until(page, "document.querySelector('.board img').naturalWidth == 32")

def choose(page, *cells, grid=4):
    for k in cells: page.get_by_role('button', name=f'row {k//grid + 1}, column {k % grid + 1}', exact=True).click()

def go_on(page):
    before = page.locator('progress').get_attribute('value')
    page.get_by_role('button', name='Next').click()
    until(page, f"(document.querySelector('progress') || {{value: -1}}).value != {before}")

def test_three_cells(page, images, tmp_path):
    "Mouse and keyboard: two are not enough, a fourth is refused, and one can be taken back."
    with served(images, tmp_path/'study', '--port', 0) as (server, address):
        page.goto(address)
        begin(page)
        go, say = page.get_by_role('button', name='Next'), page.get_by_role('status')
        assert page.locator('.cells button').count() == 16
        choose(page, 0, 5)
        assert go.is_disabled() and say.inner_text() == '2 of 3 chosen'
        choose(page, 6)
        assert go.is_enabled()
        choose(page, 7)
        assert 'take one back' in say.inner_text() and page.locator('[aria-pressed=true]').count() == 3
        choose(page, 5)
        assert go.is_disabled()
        page.get_by_role('button', name='row 1, column 1', exact=True).focus()
        for key in ('ArrowUp', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', ' '): page.keyboard.press(key)  # the edge holds
        assert [b.get_attribute('aria-label') for b in page.locator('[aria-pressed=true]').all()] == ['row 1, column 1', 'row 2, column 3', 'row 2, column 4']
        page.keyboard.press('Tab')
        page.keyboard.press('Enter')
        until(page, "document.querySelector('progress').value == 1")
    assert [a['cells'] for a in lines(tmp_path/'study')] == [[0, 6, 7]]

def test_looks(page, images, tmp_path):
    "Light and dark, on a telephone's width, and cells that lie where they are clicked, on a grid of another size."
    with served(images, tmp_path/'study', '--port', 0, '--grid', 3) as (server, address):
        page.goto(f'{address}/p/anna')
        colour = lambda: page.evaluate('getComputedStyle(document.body).backgroundColor')
        page.emulate_media(color_scheme='light')
        light = colour()
        page.emulate_media(color_scheme='dark')
        assert colour() != light
        page.set_viewport_size(dict(width=360, height=640))
        assert page.evaluate('document.documentElement.scrollWidth') <= 360
        box = page.locator('.board img').bounding_box()
        for u, v in ((.5, .1), (.9, .6), (.1, .9)): page.mouse.click(box['x'] + u*box['width'], box['y'] + v*box['height'])
        go_on(page)
    assert [(a['participant'], a['grid'], a['cells']) for a in lines(tmp_path/'study')] == [('anna', 3, [1, 5, 6])]

def test_reload_restart_report(page, images, tmp_path):
    "Pick three, go on, reload, kill the server in the middle of a line, start again, finish, report."
    out, seen = tmp_path/'study', []
    shown = lambda: seen.append(page.locator('.board img').get_attribute('src')) or seen[-1]
    with served(images, out, '--port', 0, stop=signal.SIGKILL) as (server, address):
        page.goto(address)
        begin(page)
        me = re.search(r'/p/(\w+)$', page.url)[1]
        shown(); choose(page, 1, 2, 3); go_on(page)
        second = shown(); choose(page, 4)
        page.reload()
        assert page.locator('.board img').get_attribute('src') == second and page.locator('[aria-pressed=true]').count() == 0
        page.goto(address)
        assert page.url.endswith(f'/p/{me}') and page.locator('.board img').get_attribute('src') == second
    assert [(a['participant'], a['cells']) for a in lines(out)] == [(me, [1, 2, 3])]
    with open(out/'answers.jsonl', 'a') as f: f.write('{"participant": "' + me)
    port = address.rpartition(':')[2]
    with served(images, out, '--port', port) as (server, address):
        assert any('line 2, was cut off' in s for s in server.said)
        page.goto(f'{address}/p/{me}')
        assert page.locator('.board img').get_attribute('src') == second
        choose(page, 4, 8, 12); go_on(page)
        shown(); choose(page, 13, 14, 15); page.get_by_role('button', name='Next').click()
        page.wait_for_selector('text=Thank you')
        page.reload()
        assert 'Thank you' in page.inner_text('main')
        page.get_by_role('link', name='Next person').click()
        page.wait_for_selector('text=Picture 1 of 3')
        assert f'/p/{me}' not in page.url
    answers, pictures = read_answers(out, lambda line: None), read_study_images(images)
    assert len(set(seen)) == 3 and [f'/image/{a["sha256"]}' for a in answers] == seen
    assert [a['cells'] for a in answers] == [[1, 2, 3], [4, 8, 12], [13, 14, 15]]
    maps = flaw_maps(pictures, shipped_highlighter())
    r = study_report(answers, pictures, maps, n_boot=20)
    hits = sum(len(set(a['cells']) & set(top_cells(maps[a['image']][None], 4)[0].tolist())) for a in answers)
    assert r.rows[0]['mean'] == pytest.approx(hits/9) and r.meta == dict(grid=4, people=1, answers=3, images=3)

def papermill(out, **params):
    args = [a for k, v in dict(params, preset='smoke', shown=4, out=out).items() for a in ('-p', k, str(v))]
    done = subprocess.run([sys.executable, '-m', 'papermill', 'nbs/fig9.ipynb', str(out/'fig9.ipynb'), '--no-progress-bar', *args], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((out/'fig9.json').read_text())

def test_figure_with_and_without_people(tmp_path):
    "Figure 9 says that nobody was asked; once somebody has answered, it keeps the pictures and counts."
    told = papermill(tmp_path)
    people, planted = told['rows'][:4], told['rows'][4:]
    assert len(planted) == 2 and all(0 <= r['low'] <= r['mean'] <= r['high'] and r['chance'] > 0 for r in planted)
    assert all(r['mean'] is None for r in people) and told['meta']['study']['people'] == 0 and 'No people have been asked' in told['meta']['caution']
    assert not (tmp_path/'study/answers.jsonl').exists()
    before = read_study_images(tmp_path/'study/images')
    with served(tmp_path/'study/images', tmp_path/'study', '--port', 0) as (server, address):
        for who in ('anna', 'ben'):
            for _ in range(4):
                sha = re.search(r'/image/(\w+)', urlopen(f'{address}/p/{who}').read().decode())[1]
                urlopen(f'{address}/p/{who}', f'image={sha}&cells=5+6+10'.encode())
    told = papermill(tmp_path, arm='base')
    after = read_study_images(tmp_path/'study/images')
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    assert told['meta']['study'] == dict(grid=4, people=2, answers=8, images=4, arm='base')
    assert len(told['rows']) == 4 and told['rows'][0]['n'] == 24 and told['rows'][3]['mean'] == told['rows'][3]['kappa'] == 1
