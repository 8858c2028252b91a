"Calls of selfrefine.method.phases and forward_noise that must be refused: (call, error, words of its message)."
import torch
from PIL import Image
from selfrefine.data.sets import emoji
from selfrefine.method.forward_noise import enhance_noise, noise_and_target, Readings
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.method.mfam import Guide
from selfrefine.method.phases import Phases, SelfRefiner
from selfrefine.diffusion.models import ddpm

nan, inf = float('nan'), float('inf')

def names(folder):
    "What the calls may use: a network, a highlighter that is not fitted, and one without images."
    faces, net = emoji(side=16).x[:40], ddpm(16).net
    explains, blind = FlawHighlighter(faces, side=64, width=1/16), FlawHighlighter(side=64, width=1/16)
    def draw(n, generator): return faces[:n]
    def refine(net=net, highlighter=explains, sample_ema=draw, phases=Phases(8, 4), **options):
        return SelfRefiner(net, highlighter, sample_ema, phases, **dict(attention_weight=0.) | options)
    flat = Guide('flat', 'Flat', lambda c: torch.full((1, 1, c.side, c.side), nan))
    noise, m = torch.zeros(2, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    return globals() | dict(refine=refine, faces=faces, net=net, explains=explains, blind=blind, flat=flat,
                            noise=noise, m=m)

def number(call, name, value): return call, ValueError, [f'{name} must be a', value]

rows = [
    number('Phases(0, 0)', 'the total of the phases', '0'),
    number('Phases(10, 11)', 'the base phase', '11'),
    number('Phases(10, -1)', 'the base phase', '-1'),
    number('Phases(10, 5, 2.5)', 'the cycle of the maps', '2.5'),
    number('Phases(10, 5, 0)', 'the cycle of the maps', '0'),
    number('Phases("10", 5)', 'the total of the phases', "'10'"),
    number('Phases(nan, 5)', 'the total of the phases', 'nan'),
    number('Phases(None, 5)', 'the total of the phases', 'None'),
    *((f'Phases.from_ratio(10, {ratio!r})', ValueError, ['a ratio is two numbers', repr(ratio)])
      for ratio in ('0:0', 'a:b', '1', '-1:2', '1:2:3', '', 'nan:1', 'inf:1', None, 1.5, [1, 2])),
    number('Phases.from_ratio(10.5, "1:1")', 'the total of the phases', '10.5'),
    ("Readings(noise='scales')", ValueError, ['noise is one of scale, shift', "did you mean 'scale'"]),
    ("Readings(enhanced='inputs')", ValueError, ["did you mean 'input'"]),
    ("Readings(attention=None)", ValueError, ['attention is one of scale, bias', 'None']),
    ("Readings(projection='rezise')", ValueError, ["did you mean 'resize'"]),
    number('enhance_noise(noise, m, nan)', 'the weight of the noise', 'nan'),
    number('enhance_noise(noise, m, -1)', 'the weight of the noise', '-1'),
    number('enhance_noise(noise, m, "1")', 'the weight of the noise', "'1'"),
    ('enhance_noise(noise, m[..., :4], .1)', ValueError, ['resize the map first', '(1, 1, 8, 4)']),
    ('enhance_noise(noise, m[0], .1)', ValueError, ['is (1, 1, H, W) or (B, 1, H, W)']),
    ('enhance_noise(noise[0], m, .1)', ValueError, ['(3, 8, 8)']),
    ('enhance_noise(noise, None, .1)', TypeError, ['the map must be', 'NoneType']),
    ('enhance_noise(noise.numpy(), m, .1)', TypeError, ['noise must be', 'ndarray']),
    ("enhance_noise(noise, m, .1, 'scael')", ValueError, ["did you mean 'scale'"]),
    ("noise_and_target(noise, m, .1, 'both')", TypeError, ['readings must be', 'str']),
    *(number(f'refine({name}={value})', name, value) for name in ('noise_weight', 'attention_weight')
      for value in ('-0.1', 'nan', 'inf', "'1'", 'None', 'True')),
    *(number(f'refine({name}={value})', name, value) for name, value in (
        ('n_map', '0'), ('n_map', '2.5'), ('n_fake', '9'), ('seed', 'None'), ('side', '-1'), ('side', '1.5'),
        ('side', '0'), ('extra_tokens', '-1'), ('extra_tokens', '1.5'))),
    ('refine(watch=3)', TypeError, ['watch is a function', '3']),
    ("refine(readings='conv')", TypeError, ['readings must be', 'str']),
    ('refine(phases=(8, 4))', TypeError, ['phases must be', 'tuple']),
    ("refine(guide='fma')", ValueError, ['fma', 'fam']),
    ('refine(guide=3)', Exception, ['3']),
    ('refine(sample_ema=None)', TypeError, ['sample_ema is a function', 'None']),
    *((f'refine(sample_ema=lambda n, generator: {given})', ValueError, ['sample_ema', *words]) for given, words in (
        ('None', ['gives no images', 'NoneType']),
        ('list(faces[:n])', ['gives no images', 'not list']),
        ('faces[:n].numpy()', ['not ndarray', 'torch.from_numpy(x).permute(0, 3, 1, 2)']),
        ('faces[:n].permute(0, 2, 3, 1)', ['not 16 of (2, 16, 16, 3)', 'x.permute(0, 3, 1, 2)']),
        ('faces[:n]/255', ['torch.float32', 'to_uint8(2*x - 1)']),
        ('faces[:n]/127.5 - 1', ['torch.float32', 'to_uint8']),
        ('faces[:n].long()', ['torch.int64', 'x.to(torch.uint8)']),
        ('faces[0]', ['not torch.uint8 (3, 16, 16)', 'x[None]']),
        ('faces[:n, :, :8]', ['(3, 8, 16)', 'made of (3, 16, 16)']),
        ('faces[:n].repeat_interleave(2, -1).repeat_interleave(2, -2)', ['(3, 32, 32)', 'side=']),
        ('faces[:n, :1]', ['(1, 16, 16)', 'made of (3, 16, 16)']),
        ('faces', ['must return 2 images when asked for 2, not 40']),
        ('faces[:1]', ['not 1']),
        ('[Image.new("RGB", (16, 16))]*n', ['not list']),
        ('1/0', ['was tried with n=2 and failed (ZeroDivisionError', 'check=False']))),
    ('refine(sample_ema=lambda n: faces[:n])', ValueError, ['sample_ema(n, generator) was tried', 'takes 1']),
    ('refine(highlighter=None)', TypeError, ['highlighter must be', 'NoneType']),
    ('refine(highlighter=net)', TypeError, ['highlighter must be', 'UNet2DModel']),
    ('refine(highlighter=blind)', ValueError, ['not fitted and has no real images', 'FlawHighlighter(real)']),
    ("refine(highlighter=blind, guide='edge')", ValueError, ['needs real images']),
    ('refine(side=32, noise_weight=0.)', ValueError, ['16 px', '32 px', 'load both at one side']),
    ('refine(side=32)', ValueError, ['noise_weight=0']),
    ('refine(net=torch.zeros(3))', TypeError, ['net must be', 'Tensor']),
    ('refine(net=torch.nn.Linear(2, 2))', ValueError, ['Linear has no config.sample_size']),
    ('refine().at(-1)', ValueError, ['step must be', '-1']),
    ('refine().at(None)', ValueError, ['step must be', 'None']),
    ('refine().at(2.5)', ValueError, ['step must be', '2.5']),
    ('refine(guide=flat).at(4)', FloatingPointError, ['the map of step 4 holds NaN']),
    ('refine().load_state_dict({})', ValueError, ['not the state of such a refiner', 'same options']),
    ('refine().load_state_dict(None)', ValueError, ['not the state of such a refiner']),
    ('refine().load_state_dict(refine(side=32, noise_weight=0., guide="center").state_dict())', ValueError,
     ['not the state of such a refiner']),
]
