__version__ = "0.1.0"

# What users write stands at the top level and is imported when it is first asked for: `import selfrefine` loads no torch.
_homes = dict(data='Images emoji load_images part grid', highlighter='FlawHighlighter shipped_highlighter', local='LocalHighlighter', mfam='guidance overlay',
              attention='modulate', forward='enhance_noise', phases='Phases SelfRefiner', models='Diffusion ddpm load_model save_model shipped',
              sampling='sample', training='Ema Recipe ema_sampler train', metrics='encoder frechet kid',
              inpainting='masks repaint', experiments='experiment')
_home = {name: module for module, names in _homes.items() for name in names.split()}
__all__ = sorted(_home)

def __getattr__(name):
    from importlib import import_module
    if name in _homes: return import_module(f'selfrefine.{name}')
    if name not in _home: raise AttributeError(f"module 'selfrefine' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f'selfrefine.{_home[name]}'), name)

def __dir__(): return sorted([*globals(), *__all__])
