"""The user study as people meet it: a server process and headless Chromium.

The choices made here are tests. They go to temporary folders.
"""
import json, os, re, shutil, signal, socket, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
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
from selfrefine.applications.study_maps import flaw_maps
from selfrefine.applications.user_study import study_report
from small import environment

root = Path(__file__).parent.parent

@pytest.fixture
def images(tmp_path):
    (tmp_path/'images').mkdir()
    for i in range(3): grid(emoji().x[[100*i]]).save(tmp_path/f'images/{i}.png')
    return tmp_path/'images'

def command(images, out, *more):
    return [sys.executable, '-m', 'selfrefine.applications.study_page', *map(str, (images, '--out', out, *more))]

@contextmanager
def served(images, out, *more, stop=signal.SIGINT):
    "The page from a process of its own, which is then ended."
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    server = subprocess.Popen(command(images, out, *more), cwd=root, env=environment, **pipes)
    try:
        line, server.messages = server.stdout.readline(), []
        while line and 'http://' not in line:
            server.messages.append(line)
            line = server.stdout.readline()
        assert line, server.stderr.read()
        yield server, re.search(r'http://127\.0\.0\.1:\d+', line)[0]
    finally:
        server.send_signal(stop)
        out, err = server.communicate(timeout=60)
    assert 'Traceback' not in err and (stop == signal.SIGKILL or server.returncode == 0), err

def status(address, **headers):
    try: return urlopen(Request(address, headers=headers), timeout=30).status
    except HTTPError as e: return e.code

def stored(out): return [json.loads(line) for line in (out/'answers.jsonl').read_text().splitlines()]

def run(arguments, **kwargs):
    return subprocess.run(arguments, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kwargs)

def test_this_machine_only(images, tmp_path):
    with served(images, tmp_path/'study', '--port', 0) as (server, address):
        port = address.rpartition(':')[2]
        assert [status(address), status(f'http://localhost:{port}/')] == [200, 200]
        assert status(address, Host='example.org') == status(address, Host=f'192.168.0.2:{port}') == 400
        with pytest.raises(URLError): urlopen(f'http://127.0.0.2:{port}/', timeout=5)
        taken = run(command(images, tmp_path/'study', '--port', port), env=environment)
        assert taken.returncode and taken.stderr.startswith(f'study: port {port} cannot be opened')
        assert len(taken.stderr.splitlines()) == 1

def talk(address, *parts, read=True):
    "What the server answers to these bytes, sent one after the other; a client that does not read leaves at once."
    host, port = address.removeprefix('http://').split(':')
    with socket.create_connection((host, int(port)), timeout=60) as s:
        try:
            for part in parts: s.sendall(part)
        except OSError: pass  # the server has closed its end
        reply = b''
        while read:
            try: more = s.recv(65536)
            except OSError: break
            if not more: break
            reply += more
    return reply.decode()

def posting(sha, cells, *headers, who='anna'):
    "A request with an answer, as bytes."
    body = f'image={sha}&cells={cells}'
    lines = [f'POST /p/{who} HTTP/1.1', 'Host: localhost', 'Connection: close', *headers]
    return '\r\n'.join([*lines, '', body]).encode()

def test_hostile_clients(images, tmp_path):
    "Bodies without end, slow and vanishing clients, odd requests: each is answered or dropped, and people go on."
    with served(images, tmp_path/'study', '--port', 0) as (server, address):
        page = urlopen(f'{address}/p/anna').read().decode()
        sha = re.search(r'/image/(\w+)', page)[1]
        slow = ThreadPoolExecutor(1).submit(talk, address, posting(sha, '1+2+3', 'Content-Length: 500'))
        megabyte = b'a=1&'*2**18
        chunk = f'{len(megabyte):x}\r\n'.encode() + megabyte + b'\r\n'
        announced = talk(address, posting('', '', 'Content-Length: 40000000'), *[megabyte]*40)
        unannounced = posting('', '', 'Transfer-Encoding: chunked').removesuffix(b'image=&cells=')
        chunked = talk(address, unannounced, *[chunk]*40)
        assert all(reply.startswith('HTTP/1.1 413') or not reply for reply in (announced, chunked))
        talk(address, posting(sha, '1+2+3', 'Content-Length: 100'), read=False)
        talk(address, b'GET / HTTP', read=False)
        for request, code in [(b'DELETE /p/anna', 405), (b'GET /../../etc/passwd', 404), (b'GET /p/%00', 404),
                              ('GET /p/ä'.encode(), 400), (b'GET /' + b'x'*100_000, 4)]:
            reply = talk(address, request + b' HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
            assert reply.startswith(f'HTTP/1.1 {code}'), reply[:200]
        def answer(k): return urlopen(f'{address}/p/p{k}', f'image={sha}&cells=1+2+{3 + k % 9}'.encode()).status
        with ThreadPoolExecutor(12) as pool: assert set(pool.map(answer, range(36))) == {200}
        assert slow.result(timeout=60).startswith('HTTP/1.1 408')
    people = [(a['participant'], a['cells'][2]) for a in stored(tmp_path/'study')]
    assert sorted(people) == sorted((f'p{k}', 3 + k % 9) for k in range(36))

def test_says_what_is_missing(images, tmp_path):
    "One sentence, without the extra and with answers of another study."
    (tmp_path/'without').mkdir()
    for name in ('starlette', 'uvicorn'): (tmp_path/f'without/{name}.py').write_text('raise ImportError')
    done = run(command(images, tmp_path), env=environment | dict(PYTHONPATH=str(tmp_path/'without')))
    assert done.stderr.strip() == "study: the study's page needs starlette and uvicorn; pip install 'selfrefine[study]'"
    answer = dict(participant='a', image='0.png', sha256='x', grid=4, cells=[1, 2, 3], time='')
    (tmp_path/'answers.jsonl').write_text(json.dumps(answer) + '\n')
    for cells, message in ((4, 'study: 0.png is not the picture that a saw'),
                           (3, 'study: answers are there for a grid of 4 x 4')):
        with pytest.raises(SystemExit, match=message): main([str(images), '--out', str(tmp_path), '--grid', str(cells)])

def until(page, condition):
    """Ask again and again from outside: Playwright's own waiting is an `eval` in the page, which its policy forbids.

    The page must also be complete: a server that ends while images load is an error on the page.
    """
    from playwright.sync_api import Error
    for _ in range(900):
        try:
            if page.evaluate(f"document.readyState == 'complete' && ({condition})"): return
        except Error: pass  # on the way to the next page
        page.wait_for_timeout(100)
    raise AssertionError(f'never true: {condition}')

def begin(page):
    page.get_by_role('link', name='Begin').click()
    page.wait_for_url('**/p/*')
    until(page, "document.querySelector('.board img').naturalWidth == 32")

def cell(page, k, grid=4):
    return page.get_by_role('button', name=f'row {k//grid + 1}, column {k % grid + 1}', exact=True)

def choose(page, *cells, grid=4):
    for k in cells: cell(page, k, grid).click()

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
        cell(page, 0).focus()
        for key in ('ArrowUp', 'ArrowDown', *['ArrowRight']*4, ' '): page.keyboard.press(key)  # arrows stop at the edge
        chosen = [b.get_attribute('aria-label') for b in page.locator('[aria-pressed=true]').all()]
        assert chosen == ['row 1, column 1', 'row 2, column 3', 'row 2, column 4']
        page.keyboard.press('Tab')
        page.keyboard.press('Enter')
        until(page, "document.querySelector('progress').value == 1")
    assert [a['cells'] for a in stored(tmp_path/'study')] == [[0, 6, 7]]

def test_looks(page, images, tmp_path):
    "Light and dark, the width of a telephone, and cells that lie where they are clicked, on a grid of another size."
    with served(images, tmp_path/'study', '--port', 0, '--grid', 3) as (server, address):
        page.goto(f'{address}/p/anna')
        def colour(): return page.evaluate('getComputedStyle(document.body).backgroundColor')
        page.emulate_media(color_scheme='light')
        light = colour()
        page.emulate_media(color_scheme='dark')
        assert colour() != light
        page.set_viewport_size(dict(width=360, height=640))
        assert page.evaluate('document.documentElement.scrollWidth') <= 360
        box = page.locator('.board img').bounding_box()
        for u, v in ((.5, .1), (.9, .6), (.1, .9)):
            page.mouse.click(box['x'] + u*box['width'], box['y'] + v*box['height'])
        go_on(page)
    answer, = stored(tmp_path/'study')
    assert (answer['participant'], answer['grid'], answer['cells']) == ('anna', 3, [1, 5, 6])

def test_reload_restart_report(page, images, tmp_path):
    "Pick three, go on, reload, kill the server in the middle of a line, start again, finish, report."
    out, seen = tmp_path/'study', []
    def shown(): return page.locator('.board img').get_attribute('src')
    def answer(*cells): seen.append(shown()); choose(page, *cells)
    with served(images, out, '--port', 0, stop=signal.SIGKILL) as (server, address):
        page.goto(address)
        begin(page)
        me = re.search(r'/p/(\w+)$', page.url)[1]
        answer(1, 2, 3)
        go_on(page)
        second = shown()
        choose(page, 4)
        page.reload()
        assert shown() == second and page.locator('[aria-pressed=true]').count() == 0
        page.goto(address)
        assert page.url.endswith(f'/p/{me}') and shown() == second
    assert [(a['participant'], a['cells']) for a in stored(out)] == [(me, [1, 2, 3])]
    with open(out/'answers.jsonl', 'a') as f: f.write('{"participant": "' + me)
    port = address.rpartition(':')[2]
    with served(images, out, '--port', port) as (server, address):
        assert any('line 2, was cut off' in line for line in server.messages)
        page.goto(f'{address}/p/{me}')
        assert shown() == second
        answer(4, 8, 12)
        go_on(page)
        answer(13, 14, 15)
        page.get_by_role('button', name='Next').click()
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
    def hits(a): return len(set(a['cells']) & set(top_cells(maps[a['image']][None], 4)[0].tolist()))
    assert r.rows[0]['mean'] == pytest.approx(sum(map(hits, answers))/9)
    assert r.meta == dict(grid=4, people=1, answers=3, images=3)

def papermill(out, **params):
    "The report of Figure 9 with these parameters; what it writes."
    notebooks = ['nbs/fig9.ipynb', str(out/'fig9.ipynb')]
    options = ['--no-progress-bar']
    for key, value in dict(params, preset='smoke', shown=4, out=out).items(): options += ['-p', key, str(value)]
    done = run([sys.executable, '-m', 'papermill', *notebooks, *options], env=os.environ | environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((out/'fig9.json').read_text())

def test_figure_with_and_without_people(tmp_path):
    "Figure 9 says that nobody was asked; once somebody has answered, it keeps the pictures and counts."
    report = papermill(tmp_path)
    people, planted = report['rows'][:4], report['rows'][4:]
    assert len(planted) == 2 and all(0 <= r['low'] <= r['mean'] <= r['high'] and r['chance'] > 0 for r in planted)
    assert all(r['mean'] is None for r in people) and report['meta']['study']['people'] == 0
    assert 'No people have been asked' in report['meta']['caution']
    assert not (tmp_path/'study/answers.jsonl').exists()
    before = read_study_images(tmp_path/'study/images')
    with served(tmp_path/'study/images', tmp_path/'study', '--port', 0) as (server, address):
        for who in ('anna', 'ben'):
            for _ in range(4):
                sha = re.search(r'/image/(\w+)', urlopen(f'{address}/p/{who}').read().decode())[1]
                urlopen(f'{address}/p/{who}', f'image={sha}&cells=5+6+10'.encode())
    report = papermill(tmp_path, arm='base')
    after = read_study_images(tmp_path/'study/images')
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    assert report['meta']['study'] == dict(grid=4, people=2, answers=8, images=4, arm='base')
    assert len(report['rows']) == 4 and report['rows'][0]['n'] == 24
    assert report['rows'][3]['mean'] == report['rows'][3]['kappa'] == 1
