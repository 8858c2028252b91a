"Sphinx configuration: `sphinx-build -W -b html docs _docs` builds the site and asks nothing of the network."
import re, shutil, sys
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
                          'fieldlist', 'html_image']
suppress_warnings = ['myst.header']  # a subtitle may come before the first section
add_module_names = False  # the reference: short names, a parameter a line where they are many
maximum_signature_line_length = 60
toc_object_entries_show_parents = 'hide'
html_search_scorer = str(here.resolve()/'scorer.js')  # pages about a task come first
html_theme = 'furo'
html_title = f'{project} {release}'
html_favicon = '_static/favicon.svg'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_theme_options = dict(
    light_css_variables={'color-brand-primary': '#3b5bdb', 'color-brand-content': '#3b5bdb'},
    dark_css_variables={'color-brand-primary': '#91a7ff', 'color-brand-content': '#91a7ff'})

def mark(html, page):
    "The sidebar with the marks of one page: its own line and those that it is below of."
    item, at, level = '<li class="toctree-l', html.find(f'href="{page}.html"'), ''
    while at > 0 and level != '0':
        at = html.rfind(item + level, 0, at)
        end = at + len(item) + 1
        html, level = f'{html[:end]} current{html[end:]}', str(int(html[end - 1]) - 1)
    return html

def lay_out_once(app, pagename, templatename, context, doctree, laid_out=[]):
    "All pages have one sidebar, and to resolve it anew for each took two fifths of the time."
    if 'toctree' not in context: return
    options = dict(collapse=False, titles_only=True, maxdepth=-1, includehidden=True)
    if not laid_out: laid_out.append(app.builder._get_local_toctree('search', **options))
    context['toctree'] = lambda **given: mark(laid_out[0], pagename)

def hold_options(app, pagename, templatename, context, doctree):
    "An option of a shell command is one word, which a narrow window does not break at its hyphens."
    def hold(m): return re.sub(r'(?<=[\s>])--?[a-z][\w-]*', r'<span class="whole">\g<0></span>', m[0])
    if 'body' in context: context['body'] = re.sub(r'(?s)<div class="highlight-sh .*?</pre>', hold, context['body'])

def keep_inside(app):
    "MyST-NB writes the outputs of cells beside the site, where they stay; among Sphinx's own files they are in it."
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(Path(app.doctreedir)/'outputs'))

def setup(app):
    app.connect('html-page-context', lay_out_once, priority=400)  # before the theme
    app.connect('html-page-context', hold_options)
    app.connect('builder-inited', keep_inside, priority=900)  # after MyST-NB
