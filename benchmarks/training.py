"A training step, against the loops people copy or install."
import io, tempfile, time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from PIL import Image
from torchvision import transforms
from tqdm import tqdm
from selfrefine.data.images import Images, to_float
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.cpu import bf16_pays, explicit_attention
from selfrefine.diffusion.ema import Ema
from selfrefine.diffusion.losses import diffusion_loss
from selfrefine.diffusion.models import Diffusion
from selfrefine.diffusion.training import make_accelerator, train
from selfrefine.experiments.compute import device, flops

SIDE, BATCH, STEPS = 32, 32, 12
DDPM = DDPMScheduler()

def flop(net, backward=True):
    "Multiplications and additions of a batch forward, or of a training step, as PyTorch counts them."
    x, t = torch.zeros(BATCH, 3, SIDE, SIDE, device=device()), torch.zeros(BATCH, device=device())
    def step():
        out = net(x, t).sample
        if backward: out.sum().backward()
    with explicit_attention(net): return flops(step)

def half():
    "Does our side compute in bfloat16? As the presets: where it pays."
    return bf16_pays(device())

def images(n=512, side=SIDE):
    "Smooth random pictures: what is in them does not change the time."
    g = torch.Generator().manual_seed(0)
    x = F.interpolate(torch.rand(n, 3, 8, 8, generator=g), (side, side), mode='bicubic').clamp(0, 1)
    return Images((255*x).byte(), 'random pictures')

def pil_image(x): return Image.fromarray(x.permute(1, 2, 0).numpy())

def files(folder, n=512):
    "Such pictures as files."
    for i, x in enumerate(images(n).x): pil_image(x).save(Path(folder)/f'{i}.png')

def network(side=SIDE):
    "2.6 million parameters."
    torch.manual_seed(0)
    down, up = ('DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'), ('UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D')
    return UNet2DModel(side, 3, 3, down_block_types=down, up_block_types=up, block_out_channels=(32, 64, 128),
                       layers_per_block=1, attention_head_dim=32)

def ours(bf16=None, steps=STEPS, model=None, data=None, batch=BATCH, each=None, **options):
    """A run of `train` that gives the seconds of a step, from the third to the last.

    What is set up once, or compiled, does not count; the run's `start` has the seconds of the first two steps.
    """
    model, data, started = model or Diffusion(network(), DDPMScheduler()), data or images(), []
    recipe = Recipe(batch, 1e-4, 10, bf16=half() if bf16 is None else bf16)
    def timed_loss(*args):
        if each: each()
        started.append(time.perf_counter())
        return diffusion_loss(*args)
    def once():
        started.clear()
        if options.get('compile'): torch._dynamo.reset()  # after some compilations of the same code it would give up
        began = time.perf_counter()
        train(model, data, steps, recipe, Ema(model), loss_fn=timed_loss, progress=False, **options)
        once.start = started[2] - began
        return (started[-1] - started[2])/(steps - 3)
    return once

class Pictures(torch.utils.data.Dataset):
    "As `datasets` hands them to the example: PIL pictures through torchvision's transforms."
    def __init__(self, x):
        self.pictures = [pil_image(i) for i in x]
        resize = [transforms.Resize(SIDE, transforms.InterpolationMode.BILINEAR), transforms.CenterCrop(SIDE)]
        convert = [transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize([.5], [.5])]
        self.transform = transforms.Compose(resize + convert)
    def __len__(self): return len(self.pictures)
    def __getitem__(self, i): return dict(input=self.transform(self.pictures[i].convert('RGB')))

def endless(loader):
    while True: yield from loader

def diffusers_loss(net, x, noise, t):
    return F.mse_loss(net(DDPM.add_noise(x, noise, t), t).sample.float(), noise.float())

def diffusers_average(model):
    return EMAModel(model.parameters(), decay=.9999, use_ema_warmup=True, inv_gamma=1., power=3/4,
                    model_cls=UNet2DModel, model_config=model.config)

def diffusers_loop(bf16=False, steps=STEPS):
    """The loop of diffusers' `examples/unconditional_image_generation/train_unconditional.py`.

    It has the example's defaults and --use_ema, and gives the seconds of a step.
    """
    acc, model = make_accelerator(bf16), network()
    ema = diffusers_average(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(.95, .999), weight_decay=1e-6, eps=1e-8)
    loader = torch.utils.data.DataLoader(Pictures(images().x), batch_size=BATCH, shuffle=True, num_workers=0)
    rate = get_scheduler('cosine', optimizer, num_warmup_steps=500, num_training_steps=100_000)
    model, optimizer, loader, rate = acc.prepare(model, optimizer, loader, rate)
    ema.to(acc.device)
    data = endless(loader)
    def step():
        clean = next(data)['input']
        noise = torch.randn(clean.shape, device=clean.device)
        t = torch.randint(0, DDPM.config.num_train_timesteps, (len(clean),), device=clean.device).long()
        with acc.accumulate(model):
            loss = diffusers_loss(model, clean, noise, t)
            acc.backward(loss)
            if acc.sync_gradients: acc.clip_grad_norm_(model.parameters(), 1.)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
        ema.step(model.parameters())
        return dict(loss=loss.detach().item(), lr=rate.get_last_lr()[0], ema_decay=ema.cur_decay_value)
    def once():
        with tqdm(total=steps, disable=True) as bar:
            bar.set_postfix(**step())
            began = time.perf_counter()
            for _ in range(steps - 1):
                bar.update(1)
                bar.set_postfix(**step())
            return (time.perf_counter() - began)/(steps - 1)
    return once

# of lucidrains' `GaussianDiffusion`
NOISE = dict(image_size=SIDE, timesteps=1000, objective='pred_noise', beta_schedule='linear')

def lucidrains(bf16=False, steps=STEPS):
    """The loop of `denoising_diffusion_pytorch.Trainer`, with a network of as many parameters.

    It gives the seconds of a step.
    """
    from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet
    where = tempfile.TemporaryDirectory()
    files(where.name, 8192)  # so many that its loader does not begin anew, with new processes, while it is timed
    torch.manual_seed(0)
    diffusion = GaussianDiffusion(Unet(32, dim_mults=(1, 2, 4), flash_attn=False), **NOISE)
    trainer = Trainer(diffusion, where.name, train_batch_size=BATCH, gradient_accumulate_every=1, train_num_steps=0,
                      amp=bf16, mixed_precision_type='bf16', calculate_fid=False, save_and_sample_every=10**9,
                      results_folder=where.name + '/results')
    def once():
        trainer.train_num_steps = trainer.step + steps
        began = time.perf_counter()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()): trainer.train()
        spent = (time.perf_counter() - began)/steps
        time.sleep(3)  # its loader's processes read ahead, which is not to slow the other side down
        return spent
    once.folder = where
    return once

class Bare(torch.nn.Module):
    "A network of diffusers as lucidrains calls its own."
    channels = out_dim = 3
    self_condition = random_or_learned_sinusoidal_cond = False
    def __init__(self, net):
        super().__init__()
        self.net = net
    def forward(self, x, t, self_cond): return self.net(x, t).sample

def lucidrains_loss(net, x, noise, t):
    from denoising_diffusion_pytorch import GaussianDiffusion
    return GaussianDiffusion(Bare(net), **NOISE).p_losses(x, t, noise=noise)

@torch.no_grad()
def loss_difference(loss):
    "How far a peer's loss is from ours, for the same weights, images, noise and times."
    net, x, g = network(), to_float(images(BATCH).x), torch.Generator().manual_seed(1)
    noise, t = torch.randn(x.shape, generator=g), torch.randint(1000, (BATCH,), generator=g)
    return abs(float(diffusion_loss(net, DDPM, x, t, noise, noise) - loss(net, x, noise, t)))
