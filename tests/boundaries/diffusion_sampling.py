"Calls of selfrefine.diffusion's losses, schedules, networks and samplers that must be refused."
import torch
from diffusers import DDPMScheduler
from selfrefine.diffusion.ema import Ema, ema_sampler, x0_sampler
from selfrefine.diffusion.losses import bound_bits, diffusion_loss, posterior
from selfrefine.diffusion.models import ddpm, improved, new_model
from selfrefine.diffusion.progress import forecast
from selfrefine.diffusion.sampling import claim_folder, noise_predictor, read_png, read_samples, sample, sample_batch
from selfrefine.diffusion.sampling import sample_files, sampling_scheduler, write_png
from selfrefine.diffusion.schedules import EulerMaruyama, scaled_linear_schedule, vp_marginal, VPSDE
from selfrefine.diffusion.text import caption_list, caption_tokenizer, text_network, text_preset, warn_of_cut
from selfrefine.diffusion.unet import unet
from selfrefine.diffusion.uvit import UViT, uvit_net

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    model, cosine, text = ddpm(16), improved(16), new_model('text', 16, captions=['red heart', 'blue car'])
    ema, s = Ema(model), model.scheduler
    x, t = torch.zeros(2, 3, 16, 16), torch.tensor([3, 700])
    diverged = ddpm(16)
    torch.nn.init.constant_(diverged.net.conv_out.bias, torch.nan)
    classes, solver = uvit_net(16, num_classes=3), EulerMaruyama(s.config)
    for name, content in dict(file=b'', damaged=b'{"steps"', binary=b'\xff\xfe\x00', listed=b'[1]').items():
        (folder/name).mkdir()
        (folder/name/'samples.json').write_bytes(content)
    (folder/'plain').write_text('a file')
    for name in ('foreign', 'gap'): (folder/name).mkdir()
    write_png(torch.zeros(3, 4, 4, dtype=torch.uint8), folder/'foreign/00000000.png')
    claim_folder(folder/'gap', dict(steps=1), 2)
    write_png(torch.zeros(3, 4, 4, dtype=torch.uint8), folder/'gap/00000000.png')
    (folder/'bad.png').write_bytes((folder/'gap/00000000.png').read_bytes()[:50])
    return globals() | locals()

rows = [
    # losses
    ("diffusion_loss(model.net, s, x, t, x, x[:, :1])", ValueError,
     ['target must be a float tensor', '(2, 3, 16, 16)']),
    ("diffusion_loss(model.net, s, x, t, x[:1], x)", ValueError, ['noise must be']),
    ("diffusion_loss(model.net, s, x.byte(), t, x, x)", ValueError, ['x0 must be a float tensor', 'torch.uint8']),
    ("diffusion_loss(model.net, s, None, t, x, x)", ValueError, ['x0 must be', 'NoneType']),
    ("diffusion_loss(model.net, s, x, t[:1], x, x)", ValueError, ['one timestep for each of 2 images']),
    ("diffusion_loss(model.net, s, x, 3, x, x)", ValueError, ['one timestep for each of 2 images', 'not 3']),
    ("diffusion_loss(model.net, s, x, t.float(), x, x)", ValueError, ['whole numbers', 'VPSDE']),
    ("diffusion_loss(model.net, s, x, t - 4, x, x)", ValueError, ['from 0 to 999']),
    ("diffusion_loss(model.net, s, x, t + 300, x, x)", ValueError, ['from 0 to 999', '1000']),
    ("diffusion_loss(model.net, VPSDE(), x, t - 4.5, x, x)", ValueError, ['from -1 to 999']),
    ("diffusion_loss(lambda x, t: cosine.net(x, t), s, x[:, :1], t, x[:, :1], x[:, :1])", RuntimeError, ['channels']),
    ("diffusion_loss(model, s, x, t, x, x)", TypeError, ['net is a network', 'Diffusion']),
    ("diffusion_loss(model.net, DDPMScheduler(prediction_type='sample'), x, t, x, x)", ValueError, ['epsilon']),
    ("posterior(s, x, x[:1], t)", ValueError, ['x_t must be']),
    ("posterior(s, x, x, t - 4)", ValueError, ['from 0 to 999']),
    ("bound_bits(s, x, x[:, :1], x, x, t)", ValueError, ['v must be']),
    # schedules
    ("scaled_linear_schedule(.02, .01)", ValueError, ['beta must grow', '0.02 to 0.01']),
    ("scaled_linear_schedule(0, .01)", ValueError, ['between 0 and 1']),
    ("scaled_linear_schedule(None, .01)", ValueError, ['low must be a number', 'None']),
    ("VPSDE(0)", ValueError, ['num_train_timesteps must be a whole number of at least 1']),
    ("VPSDE(beta_end=2)", ValueError, ['high must be a number from 0 to 1']),
    ("vp_marginal(torch.tensor(1.5))", ValueError, ['from 0 to 1']),
    ("vp_marginal(torch.tensor(torch.nan))", ValueError, ['from 0 to 1']),
    ("vp_marginal(.5)", ValueError, ['tau must be a float tensor']),
    ("vp_marginal(torch.tensor(.5), (20., .1))", ValueError, ['beta must be positive and grow']),
    ("EulerMaruyama(cosine.scheduler.config)", ValueError, ['linear schedule', 'another sampler']),
    ("EulerMaruyama({})", ValueError, ['linear schedule']),
    ("solver.set_timesteps(0)", ValueError, ['steps must be a whole number of at least 1']),
    ("solver.set_timesteps(2.5)", ValueError, ['steps must be a whole number']),
    # networks
    ("unet('dppm', 16)", ValueError, ["did you mean 'ddpm'"]),
    ("unet('ddpm', 24)", ValueError, ['presets for sides', 'give channels']),
    ("unet('ddpm', -16)", ValueError, ['side must be a whole number of at least 1']),
    ("unet('ddpm', 16, in_channels=0)", ValueError, ['in_channels must be']),
    ("unet('improved', 16, in_channels=1, out_channels=6)", ValueError, ['out_channels is one of 1, 2, not 6']),
    ("unet('ddpm', 16, channels=(16, -32))", ValueError, ['the channels of a level must be']),
    ("unet('ddpm', 16, channels=(6, 10), head_dim=None)", ValueError, ['no 3 groups of one size']),
    ("unet('ddpm', 16, channels=16)", ValueError, ['channels must be a tuple']),
    ("unet('ddpm', 16, channels=(8,)*6)", ValueError, ['cannot be halved 5 times']),
    ("unet('ddpm', 16, layers=0)", ValueError, ['layers must be']),
    ("unet('ddpm', 16, attention=(5,))", ValueError, ['some of the sides [16, 8]', '(5,)']),
    ("unet('ddpm', 16, attention=8)", ValueError, ['attention must be a tuple']),
    ("unet('ddpm', 16, head_dim=5)", ValueError, ['heads of 5 channels']),
    ("unet('ddpm', 16, head_dim=0)", ValueError, ['head_dim must be']),
    ("uvit_net(48, depth=5)", ValueError, ['presets for sides']),
    ("uvit_net(16, dim=-32)", ValueError, ['dim must be a whole number of at least 1']),
    ("uvit_net(16, patch_size=0)", ValueError, ['patch_size must be']),
    ("uvit_net(16, depth=4)", ValueError, ['depth is odd']),
    ("uvit_net(16, heads=5)", ValueError, ['heads cannot share']),
    ("uvit_net(16, num_classes=0)", ValueError, ['num_classes must be']),
    ("uvit_net(16, in_channels=2.5)", ValueError, ['in_channels must be']),
    ("uvit_net(16, mlp_ratio=torch.nan)", ValueError, ['mlp_ratio must be a number']),
    ("uvit_net('16')", ValueError, ['side must be a whole number', "'16'"]),
    ("UViT(15, 2)", ValueError, ['no multiple of the patch side']),
    ("classes(x[..., :8], 3, t % 3)", ValueError, ['takes images of (3, 16, 16)']),
    ("classes(x[:, :1], 3, t % 3)", ValueError, ['takes images of (3, 16, 16)', '(1, 16, 16)']),
    ("classes(x, 3)", ValueError, ['give class_labels']),
    ("classes(x, 3, t)", ValueError, ['from 0 to 2']),
    ("classes(x, 3, t[:1] % 3)", ValueError, ['2 whole numbers']),
    # text
    ("caption_list('ab')", ValueError, ['a list with one string for each image', "'ab'"]),
    ("caption_list(None)", ValueError, ['must be a list', 'None']),
    ("caption_list(['a', None])", ValueError, ['must be strings, not None']),
    ("caption_list(['a', 3])", ValueError, ['must be strings, not 3']),
    ("caption_list([b'a'])", ValueError, ["must be strings, not b'a'"]),
    ("caption_list(['a\\ud800'])", ValueError, ['whole characters', 'ud800']),
    ("caption_list([], 2)", ValueError, ['0 captions for 2 images']),
    ("caption_tokenizer('red heart')", ValueError, ['must be a list']),
    ("caption_tokenizer(['a'], size=0)", ValueError, ['size must be']),
    ("caption_tokenizer(['a'], length=2)", ValueError, ['length must be a whole number of at least 3']),
    ("warn_of_cut('ab', text.tokenizer)", ValueError, ['must be a list']),
    ("text_preset(48)", ValueError, ['presets for sides']),
    ("text_preset('16')", ValueError, ['side must be a whole number']),
    ("text_network({}, 8, 4, text.tokenizer)", ValueError, ['this one lacks']),
    ("text_network(text_preset(16), 7, 4, text.tokenizer)", ValueError, ['cannot be halved']),
    # samplers
    ("sampling_scheduler(model, 'dimm')", ValueError, ["did you mean 'ddim'"]),
    ("sampling_scheduler(model, None)", ValueError, ['sampler is one of']),
    ("sampling_scheduler(model, steps=0)", ValueError, ['steps must be a whole number from 1 to 1000']),
    ("sampling_scheduler(model, steps=1001)", ValueError, ['from 1 to 1000, not 1001']),
    ("sampling_scheduler(model, steps=10.)", ValueError, ['steps must be a whole number']),
    ("sampling_scheduler(cosine, 'dpm', 1000)", ValueError, ['from 1 to 946']),
    ("sampling_scheduler(cosine, 'euler-maruyama')", ValueError, ['linear schedule']),
    ("sampling_scheduler(model.net)", TypeError, ['model must be an object of Diffusion', 'UNet2DModel']),
    ("noise_predictor(model, ['red'])", ValueError, ['not trained with captions']),
    ("noise_predictor(text, 'ab')", ValueError, ['must be a list']),
    ("noise_predictor(text)", ValueError, ['prompts must be a list']),
    ("noise_predictor(text, ['a'], torch.nan)", ValueError, ['guidance must be a number']),
    ("sample_batch(model, 3)", TypeError, ['indices must be an object of range or list']),
    ("sample_batch(model, [])", ValueError, ['the number of indices']),
    ("sample_batch(model, [.5])", ValueError, ['an index must be a whole number']),
    ("sample_batch(diverged, range(1), steps=4)", ValueError, ['NaN or infinity at step 1 of 4 (t = 999)']),
    ("sample(model, 0)", ValueError, ['n must be a whole number of at least 1']),
    ("sample(model, '3')", ValueError, ['n must be a whole number', "'3'"]),
    ("sample(model.net, 3)", TypeError, ['model must be an object of Diffusion', 'UNet2DModel']),
    ("sample(None, 3)", TypeError, ['model must be an object of Diffusion']),
    ("sample(model, 1, batch=0)", ValueError, ['batch must be']),
    ("sample(model, 1, seed=None)", ValueError, ['seed must be a whole number']),
    ("sample(model, 1, bf16='yes')", ValueError, ['bf16 is one of True, False']),
    ("sample(model, 1, prompts=['a'])", ValueError, ['not trained with captions']),
    ("sample(text, 2, prompts=['a'])", ValueError, ['1 prompts for 2 images', 'one for each']),
    ("sample(text, 2, prompts='ab')", ValueError, ["not 'ab'"]),
    ("sample(text, 2, prompts=['a', None])", ValueError, ['must be strings, not None']),
    ("sample(text, 2, prompts=[])", ValueError, ['0 prompts for 2 images']),
    ("sample(text, 1, prompts=['a'], guidance=torch.inf)", ValueError, ['guidance must be a number']),
    ("sample(model, 1, steps=1, folder=folder/'plain')", NotADirectoryError, ['is a file', 'give a folder']),
    ("sample(model, 1, steps=1, folder=folder/'plain/below')", NotADirectoryError, ['lies below one']),
    ("sample(model, 1, steps=1, folder=folder/'foreign')", ValueError, ['no samples.json', 'another folder']),
    ("sample(model, 1, steps=1, folder=folder/'gap')", ValueError, ['other settings']),
    ("sample(model, 1, steps=1, folder=3)", TypeError, ['folder is given as']),
    # folders of images
    *[(f"claim_folder(folder/'{name}', dict(steps=1))", ValueError, ['samples.json is damaged', 'delete it'])
      for name in ('file', 'damaged', 'binary', 'listed')],
    ("read_samples(folder/'gap')", ValueError, ['holds 1 of 2 images']),
    ("read_samples(folder/'foreign')", FileNotFoundError, ['no samples.json']),
    ("sample_files(folder/'nowhere')", FileNotFoundError, ['no samples.json']),
    ("sample_files(None)", TypeError, ['folder is given as']),
    ("read_png(folder/'bad.png')", ValueError, ['bad.png is damaged']),
    ("read_png(folder/'no.png')", FileNotFoundError, ['there is no image']),
    ("write_png(x[0], folder/'x.png')", ValueError, ['uint8', 'to_uint8']),
    ("write_png(x[0, :2].byte(), folder/'x.png')", ValueError, ['(1 or 3, H, W)', '(2, 16, 16)']),
    ("write_png(None, folder/'x.png')", ValueError, ['NoneType']),
    ("write_png(x[0].byte(), folder/'nowhere/x.png')", FileNotFoundError, ['nowhere']),
    # averaged weights
    ("Ema(model, 1.5)", ValueError, ['decay must be a number from 0 to 1']),
    ("Ema(model, torch.nan)", ValueError, ['decay must be']),
    ("Ema(model.net)", TypeError, ['model must be an object of Diffusion']),
    ("ema_sampler(model)", TypeError, ['ema must be an object of Ema']),
    ("ema_sampler(ema, 0)", ValueError, ['steps must be']),
    ("ema_sampler(ema, batch=0)", ValueError, ['batch must be']),
    ("ema_sampler(ema, bf16=None)", ValueError, ['bf16 is one of']),
    ("ema_sampler(ema, guidance=torch.nan)", ValueError, ['guidance must be']),
    ("ema_sampler(Ema(text), captions='red')", ValueError, ['must be a list']),
    ("x0_sampler(ema, x.byte(), 1000)", ValueError, ['t must be a whole number from 0 to 999']),
    ("x0_sampler(ema, x.byte()[..., :8])", ValueError, ['was made for (3, 16, 16)']),
    ("x0_sampler(ema, None)", TypeError, ['NoneType']),
    ("x0_sampler(Ema(text), x.byte())", ValueError, ['ema_sampler']),
    # progress
    ("forecast(0, -1, .1)", ValueError, ['steps must be a whole number of at least 0']),
    ("forecast(0, 9, torch.nan)", ValueError, ['step must be a number of at least 0'])]
