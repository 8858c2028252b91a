from typing import Any

__version__ = "0.2.0"

# What users write stands at the top level and is imported when it is first asked for: `import selfrefine` loads no torch.
_homes = {
    'data.images': 'Images part grid', 'data.sets': 'emoji load_images',
    'method.highlighter': 'FlawHighlighter shipped_highlighter', 'method.local_highlighter': 'LocalHighlighter', 'method.gradcam': 'overlay',
    'method.mfam': 'guidance', 'method.forward_noise': 'enhance_noise', 'method.attention': 'modulate', 'method.phases': 'Phases SelfRefiner',
    'diffusion.diffusion_model': 'Diffusion', 'diffusion.models': 'ddpm load_model save_model shipped', 'diffusion.sampling': 'sample', 'diffusion.ema': 'Ema ema_sampler',
    'diffusion.checkpoints': 'Recipe', 'diffusion.training': 'train',
    'evaluation.features': 'encoder', 'evaluation.distances': 'frechet kid',
    'applications.inpainting': 'make_masks repaint', 'applications.repair': 'rank repair',
    'applications.picture_folders': 'repair_folder write_heatmaps', 'experiments.table': 'experiment',
    'commands.machine': 'doctor', 'commands.judge_folders': 'evaluate', 'commands.find_flaws': 'highlight'}
_home = {name: module for module, names in _homes.items() for name in names.split()}
_folders = ('data', 'method', 'diffusion', 'evaluation', 'applications', 'experiments', 'commands')
__all__ = sorted(_home)

def __getattr__(name) -> Any:
    from importlib import import_module
    if name in _folders: return import_module(f'selfrefine.{name}')
    if name not in _home: raise AttributeError(f"module 'selfrefine' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f'selfrefine.{_home[name]}'), name)

def __dir__(): return sorted([*globals(), *__all__])
