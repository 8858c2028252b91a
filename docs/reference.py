"""The reference: every public name of the package, from its signature, docments and docstring.

Modules are read and not imported, so that the site is built without PyTorch.
"""
import ast, io, re, tokenize
from pathlib import Path

def comments(source):
    "The comment of each line."
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip('# ') for t in tokens if t.type == tokenize.COMMENT}

def escape(text):
    "Text that MyST would read as markup, outside backticks."
    parts = re.split(r'(`[^`]*`)', text)
    return ''.join(p if p.startswith('`') else re.sub(r'([*$<{])', r'\\\1', p) for p in parts)

def arguments(node):
    a = node.args
    return [x for x in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg) if x]

def docments(node, notes):
    "What the comments beside a function's parameters say, and the comment of its result."
    args, first = arguments(node), node.body[0].lineno
    lines = {x.lineno for x in args}
    found = {x.arg: notes[x.lineno] for x in args if x.lineno in notes}
    if node.lineno in lines and node.lineno in notes: return {}, notes[node.lineno]  # all of it on one line
    last = max(lines | {node.lineno})
    return found, next((notes[n] for n in range(first - 1, last, -1) if n in notes and n not in lines), '')

def fields(node, notes):
    "The parameters of a function, method or class, with what is said of each; and of the result."
    if isinstance(node, ast.FunctionDef): return docments(node, notes)
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == '__init__'), None)
    if init: return docments(init, notes)[0], ''
    given = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    return {n.target.id: notes[n.lineno] for n in given if n.lineno in notes}, ''

def signature(node):
    "As it is called: without `self`, and a dataclass as its constructor."
    if isinstance(node, ast.FunctionDef):
        text = re.sub(r'^self(: \w+)?(, )?', '', ast.unparse(node.args))
        return f'({text})' + (f' -> {ast.unparse(node.returns)}' if node.returns else '')
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == '__init__'), None)
    if init: return signature(init).partition(' -> ')[0]
    if not any('dataclass' in ast.unparse(d) for d in node.decorator_list): return ''
    given = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    return '(' + ', '.join(ast.unparse(n) for n in given) + ')'

def raised(doc):
    "A docstring without its clause on errors, and that clause by error."
    text, _, clause = doc.partition('; raises ')
    if not clause: return doc, []
    parts = re.split(r'(?:, |^|(?<=`) or )(?:and )?`(\w*[A-Z]\w*)`', clause.rstrip('.'))
    if parts[0]: return doc, []
    found = [(name, rest.strip() or parts[-1].strip()) for name, rest in zip(parts[1::2], parts[2::2])]
    return text + '.', found

def is_property(node): return any(re.search('property', ast.unparse(d)) for d in node.decorator_list)

def entry(name, node, notes, home='', also=''):
    "One name as a directive of Sphinx."
    text, errors = raised(ast.get_docstring(node) or '')
    said, result = fields(node, notes)
    kind = 'class' if isinstance(node, ast.ClassDef) else 'function'
    if home: name, kind = f'{home}.{name}', 'property' if is_property(node) else 'method'
    call = '' if kind == 'property' else signature(node)
    lines = [escape(text), '', also, ''] if also else [escape(text), '']
    lines += [f':param {p}: {escape(s)}' for p, s in said.items()]
    lines += [f':raises {e}: {escape(s)}' for e, s in errors] + [f':returns: {escape(result)}']*bool(result)
    if kind == 'class': lines += ['', *methods(node, notes)]
    fence = ':'*(5 if kind == 'class' else 4)
    return '\n'.join([f'{fence}{{py:{kind}}} {name}{call}', '', *lines, fence, ''])

def methods(node, notes):
    "The public methods of a class."
    own = [n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith('_')]
    return [entry(n.name, n, notes, node.name) for n in own if ast.get_docstring(n)]

def patched(tree):
    "Methods that `@patch` gives to a class, by class."
    found = {}
    for n in tree.body:
        if isinstance(n, ast.FunctionDef) and any(ast.unparse(d).startswith('patch') for d in n.decorator_list):
            if not n.name.startswith('_'): found.setdefault(ast.unparse(n.args.args[0].annotation), []).append(n)
    return found

def constant(name, node, notes):
    "A constant, with its value where that is short."
    value = node.value
    if isinstance(node.targets[0], ast.Tuple):  # several in one line
        value = value.elts[[t.id for t in node.targets[0].elts].index(name)]
    value = ast.unparse(value)
    lines = [f':value: {value}', ''] if len(value) < 80 else ['']
    return '\n'.join([f'::::{{py:data}} {name}', *lines, escape(notes.get(node.lineno, '')), '::::', ''])

def public(tree):
    for n in tree.body:
        if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == '__all__': return ast.literal_eval(n.value)
    return []

def definitions(tree):
    "What a module defines, by name."
    found = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    for n in tree.body:
        if isinstance(n, ast.Assign): found |= {t.id: n for t in ast.walk(n.targets[0]) if isinstance(t, ast.Name)}
    return found

def module_entries(path, module, short):
    "All public names of a module, in its order."
    source = path.read_text()
    tree, notes = ast.parse(source), comments(source)
    found, more, lines = definitions(tree), patched(tree), [f'```{{py:currentmodule}} {module}\n```', '']
    for name in public(tree):
        node = found.get(name)
        also = f'Also `selfrefine.{name}`.' if name in short else ''
        if isinstance(node, ast.Assign): lines.append(constant(name, node, notes))
        elif node is not None: lines.append(entry(name, node, notes, also=also))
    for home, nodes in more.items():
        lines += [entry(n.name, n, notes, home) for n in nodes if ast.get_docstring(n)]
    return '\n'.join(lines)

def top_level(package):
    "The names of `selfrefine` itself and the modules that they come from."
    source = (package/'__init__.py').read_text()
    homes = next(n.value for n in ast.parse(source).body if isinstance(n, ast.Assign)
                 and ast.unparse(n.targets[0]) == '_homes')
    return {name: module for module, names in ast.literal_eval(homes).items() for name in names.split()}

def summary(package, name, module):
    "The first line of a name's docstring."
    tree = ast.parse((package/module.replace('.', '/')).with_suffix('.py').read_text())
    node = definitions(tree).get(name)
    return raised((ast.get_docstring(node) or '').partition('\n')[0])[0] if node else ''

def front(package):
    "The page of the names that a user writes first."
    lines = ['# Reference', '', '{.lead}', 'Every public name, with its parameters, shapes and errors.', '',
             'These can be imported from `selfrefine` itself; the pages below have all others, by folder. Images are '
             'uint8 of shape `(N, C, H, W)` outside a model and float in [-1, 1] inside it, maps are float of shape '
             '`(N, 1, H, W)` in [0, 1].', '', '| name | what it is |', '|---|---|']
    for name, module in top_level(package).items():
        lines.append(f'| {{py:obj}}`{name} <selfrefine.{module}.{name}>` | '
                     f'{escape(summary(package, name, module)).replace("|", chr(92) + "|")} |')
    return '\n'.join(lines)

def reference_pages(
    root: Path,  # the repository
    folders: list,  # of the package, in order
    pages: dict,  # notebook -> its page
    titles: dict,  # notebook -> its title
) -> dict:  # name of a page -> MyST text, the front page first
    "The pages of the reference."
    package = root/'selfrefine'
    short, found = top_level(package), {'api': front(package)}
    for folder in folders:
        lines = [f'# Reference: {folder}', '', '{.lead}', f'The public names of `selfrefine.{folder}`.', '']
        for notebook in sorted((root/'nbs'/folder).glob('*.ipynb')):
            name = notebook.stem.partition('_')[2]
            path = package/folder/f'{name}.py'
            if notebook not in titles or not path.exists(): continue
            lines += [f'## selfrefine.{folder}.{name}', '',
                      f'Explained and tested in [{titles[notebook]}](/{pages[notebook]}.ipynb).', '']
            lines.append(module_entries(path, f'selfrefine.{folder}.{name}', short))
        if len(lines) > 5: found[f'api-{folder}'] = '\n'.join(lines)
    return found
