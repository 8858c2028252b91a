"Sphinx configuration: `sphinx-build -W -b html docs _docs` builds the site and asks nothing of the network."
import shutil, sys
from configparser import ConfigParser
from pathlib import Path
import mathjax

here = Path(__file__).parent
sys.path.insert(0, str(here))
from stage import stage_all

settings = ConfigParser()
settings.read(here.parent/'settings.ini')
settings = settings['DEFAULT']
web = f"{settings['git_url']}/blob/{settings['branch']}"
stage_all(here.parent.resolve(), here, web, settings['folders'].split())

# MathJax from PyPI (django-static-mathjax): the one component and its fonts, 1.6 MB.
es5, mj = Path(mathjax.__file__).parent/'static/mathjax/es5', here/'_static/mathjax'
if not mj.exists():
    shutil.copytree(es5/'output/chtml/fonts/woff-v2', mj/'output/chtml/fonts/woff-v2')
    shutil.copy(es5/'tex-mml-chtml.js', mj)
mathjax_path = 'mathjax/tex-mml-chtml.js'

project, author, release = settings['title'], settings['author'], settings['version']
copyright = settings['copyright']
extensions = ['myst_nb', 'sphinx_copybutton']
exclude_patterns = ['_static', '*.py']
nb_execution_mode = 'off'  # outputs are those stored in the notebooks
nb_merge_streams = True
nb_output_stderr = 'remove'  # progress bars
nb_render_markdown_format = 'myst'  # tables that a cell displays as markdown
nb_ipywidgets_js = {}  # would come from another host
myst_enable_extensions = ['dollarmath', 'amsmath', 'colon_fence', 'attrs_block', 'attrs_inline', 'deflist',
                          'html_image']
suppress_warnings = ['myst.header']  # a subtitle may come before the first section
html_theme = 'furo'
html_title = f'{project} {release}'
html_favicon = '_static/favicon.svg'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_theme_options = dict(
    light_css_variables={'color-brand-primary': '#3b5bdb', 'color-brand-content': '#3b5bdb'},
    dark_css_variables={'color-brand-primary': '#91a7ff', 'color-brand-content': '#91a7ff'})
