"""Run notebooks and keep their outputs, by nbdev's rules, and leave them as `nbdev_clean` and tools/slim.py would.

    python tools/execute.py nbs/data/02_images.ipynb nbs/method/03_mfam.ipynb

Cells that nbdev_test skips (`eval: false`, `slow`, `gpu`) keep the outputs they have; `--slow` runs slow and gpu cells
too. What a cell writes to stderr (progress bars, warnings) is not kept.
"""
import argparse, os, re
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from nbdev.clean import nbdev_clean
from slim import slim_notebook

class Client(NotebookClient):
    "Runs the cells that nbdev_test would run."
    skip = re.compile(r'^#\|\s*(eval:\s*false|slow|gpu)\b', re.M)
    async def async_execute_cell(self, cell, cell_index, **kwargs):
        if cell.cell_type == 'code' and self.skip.search(cell.source): return cell
        return await super().async_execute_cell(cell, cell_index, **kwargs)

def without_stderr(outputs): return [o for o in outputs if o.get('name') != 'stderr']

def execute(path, slow=False, timeout=None):
    "Run one notebook in its own folder and write it back; a failing cell raises, and the file stays as it was."
    nb = nbformat.read(path, 4)
    client = Client(nb, timeout=timeout, kernel_name='python3', resources={'metadata': {'path': str(path.parent)}})
    if slow: client.skip = re.compile(r'^#\|\s*eval:\s*false\b', re.M)
    client.execute()
    for cell in nb.cells:
        if cell.cell_type == 'code': cell.outputs = without_stderr(cell.outputs)
    nbformat.write(nb, path)
    nbdev_clean(str(path))
    slim_notebook(path)

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebooks', type=Path, nargs='+', help='files to run, in this order')
    parser.add_argument('--slow', action='store_true', help='run slow and gpu cells too')
    args = parser.parse_args()
    os.environ['IN_TEST'] = '1'
    for path in args.notebooks:
        print(path, flush=True)
        execute(path.resolve(), args.slow)
