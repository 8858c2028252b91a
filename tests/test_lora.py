"A LoRA of a Stable Diffusion: from a folder of captioned pictures to a file that stock diffusers loads."
import functools, json
import pytest
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers import UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
from selfrefine import FlawHighlighter, Phases, SelfRefiner, load_images, load_model, part, shipped
from selfrefine.data.randomness import generator
from selfrefine.diffusion.losses import diffusion_loss
from selfrefine.diffusion.models import shipped_folder, stable_diffusion
from selfrefine.diffusion.sampling import sample_batch
from selfrefine.diffusion.text import caption_tokenizer
from small import portraits, python, same

pytest.importorskip('peft', reason="peft is not installed: pip install -e '.[text]'")
from selfrefine.diffusion.lora import lora_recipe, save_lora, train_lora

side, words = 64, ['a red face', 'a blue face', 'two green faces']
four = dict(block_out_channels=(8, 16, 16, 16), norm_num_groups=4)
down = ('CrossAttnDownBlock2D',)*3 + ('DownBlock2D',)
up = ('UpBlock2D',) + ('CrossAttnUpBlock2D',)*3
blocks = dict(sample_size=side//8, down_block_types=down, up_block_types=up, cross_attention_dim=16, **four)

def text_model(kind, tokenizer):
    ids = {f'{name}_token_id': getattr(tokenizer, f'{name}_token_id') for name in ('bos', 'eos', 'pad')}
    return kind(CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, projection_dim=16,
                               num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16, **ids)).eval()

def first_stage():
    return AutoencoderKL(**four, down_block_types=('DownEncoderBlock2D',)*4, up_block_types=('UpDecoderBlock2D',)*4,
                         latent_channels=4, sample_size=side, scaling_factor=1.)

@pytest.fixture(scope='module')
def sd(tmp_path_factory):
    "A folder with the parts, the blocks and the schedule of Stable Diffusion 1.5, at tiny widths."
    torch.manual_seed(0)
    folder, tokenizer = tmp_path_factory.mktemp('sd')/'model', caption_tokenizer(words)
    schedule = dict(beta_schedule='scaled_linear', beta_start=.00085, beta_end=.012, steps_offset=1)
    scheduler = PNDMScheduler(**schedule, skip_prk_steps=True, set_alpha_to_one=False)
    unet = UNet2DConditionModel(**blocks, attention_head_dim=4)
    parts = first_stage(), text_model(CLIPTextModel, tokenizer), tokenizer, unet, scheduler
    StableDiffusionPipeline(*parts, safety_checker=None, feature_extractor=None,
                            requires_safety_checker=False).save_pretrained(folder)
    return folder

def pictures(folder, written='metadata.jsonl'):
    "A person's folder: pictures of another size than the model's, with captions in one of the two usual ways."
    captions = {f'{i:02}.png': words[i % 3] for i in range(20)}
    for name in captions:
        x = portraits().x[int(name[:2])].repeat_interleave(5, 1).repeat_interleave(6, 2)
        Image.fromarray(x.permute(1, 2, 0).numpy()).save(folder/name)
    if written == 'text files':
        for name, caption in captions.items(): (folder/name).with_suffix('.txt').write_text(caption)
    else:
        lines = [json.dumps(dict(file_name=name, text=caption)) for name, caption in captions.items()]
        (folder/'metadata.jsonl').write_text('\n'.join(lines))
    return part(load_images(folder, side), 'train')

def run(sd, images, folder=None, **options):
    "Eight steps, refined from the fourth on; the command of a person, with small numbers."
    explains = FlawHighlighter(images, side=64, width=1/16)
    how = dict(cycle=3, draws=2, n_map=4, n_fake=10, progress=False, attention_weight=.5) | options
    return train_lora(stable_diffusion(sd, side), images, 8, lora_recipe(8, lr=1e-2), folder=folder,
                      highlighter=explains, **how)

def stopped_after(n):
    calls = []
    @functools.wraps(diffusion_loss)
    def loss(*args):
        calls.append(1)
        if len(calls) > n: raise KeyboardInterrupt
        return diffusion_loss(*args)
    return loss

READER = '''
import sys
sys.modules['selfrefine'] = None
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
torch.set_num_threads(1)
folder, lora, seeds, samples = sys.argv[1:]
pipe = StableDiffusionPipeline.from_pretrained(folder)
pipe.set_progress_bar_config(disable=True)
pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing='trailing', clip_sample=False,
                                           set_alpha_to_one=True)
def draw():
    generators = [torch.Generator().manual_seed(int(s)) for s in seeds.split(',')]
    how = dict(generator=generators, num_inference_steps=5, output_type='pt', guidance_scale=2., height=64, width=64)
    return pipe(['a red face', 'a blue face'], **how).images
plain = draw()
pipe.load_lora_weights(lora)
torch.save((plain, draw()), samples)
assert not [m for m in sys.modules if m.startswith('selfrefine.')]
'''

def test_captions_of_a_folder(tmp_path):
    "A list of captions and text files beside the pictures are the same set."
    for name in ('a', 'b'): (tmp_path/name).mkdir()
    listed, beside = pictures(tmp_path/'a'), pictures(tmp_path/'b', 'text files')
    assert set(listed.captions) == set(words) and listed.captions == beside.captions
    assert same(listed.x, beside.x) and listed.x.shape[1:] == (3, side, side)

@pytest.mark.filterwarnings('ignore')
def test_pictures_to_stock_diffusers(sd, tmp_path, cpu):
    "Stopped in mid-cycle, continued by the same command, and drawn with where this package cannot be imported."
    (tmp_path/'pictures').mkdir()
    images = pictures(tmp_path/'pictures')
    with pytest.raises(KeyboardInterrupt): run(sd, images, tmp_path/'run', loss_fn=stopped_after(5))
    state = torch.load(tmp_path/'run/state.pt', weights_only=True)
    assert state['step'] == 5 and state['refiner']['refining']
    lora, whole = run(sd, images, tmp_path/'run'), run(sd, images)
    def adapter(model): return {k: v for k, v in model.net.state_dict().items() if 'lora_' in k}
    assert same(adapter(lora), adapter(whole))
    assert sum(w.numel() for w in state['net'].values()) < .2*sum(p.numel() for p in lora.net.parameters())
    save_lora(lora, tmp_path/'lora')
    seeds = ','.join(str(generator(5, 'sample', index=i).initial_seed()) for i in range(2))
    python('-c', READER, sd, tmp_path/'lora', seeds, tmp_path/'samples.pt')
    plain, theirs = torch.load(tmp_path/'samples.pt')
    for model, drawn in ((stable_diffusion(sd, side), plain), (lora, theirs)):
        ours = sample_batch(model, range(2), 'ddim', 5, seed=5, prompts=words[:2], guidance=2.)
        assert ((ours/2 + .5).clamp(0, 1) - drawn).abs().max() < 1e-4
    assert (plain - theirs).abs().max() > 1e-3

@pytest.mark.filterwarnings('ignore')
def test_shipped_model(tmp_path, cpu):
    "The LoRA of the shipped text model is read by stock diffusers with all its layers."
    images = load_images('emoji', 32)
    images = type(images)(images.x[:16], 'faces', images.captions[:16])
    lora = train_lora(shipped('text-emoji'), images, 2, lora_recipe(2, lr=1e-2), attention_weight=0, progress=False)
    pipe = StableDiffusionPipeline.from_pretrained(shipped_folder('text-emoji'))
    pipe.load_lora_weights(save_lora(lora, tmp_path/'lora'))
    theirs, ours = (net.state_dict() for net in (pipe.unet, lora.net.unet))
    assert same({k.replace('.default_0.', '.default.'): v for k, v in theirs.items()}, ours)

def xl_unet():
    torch.manual_seed(0)
    xl = dict(addition_embed_type='text_time', addition_time_embed_dim=8, use_linear_projection=True,
              projection_class_embeddings_input_dim=6*8 + 16, attention_head_dim=4)
    return UNet2DConditionModel(**blocks, **xl)

def test_xl_in_a_loop_of_ones_own():
    "SDXL's further conditions are no places: a map changes self-attention alone, and what is learned."
    def learned(weight):
        net = xl_unet()
        def sample_ema(n, key): return torch.randint(256, (n, 3, side, side), generator=key, dtype=torch.uint8)
        explains, how = FlawHighlighter(torch.zeros(20, 3, side, side).byte(), width=1/16), dict(n_map=4, n_fake=10)
        phases = Phases(total=2, base=0)
        refiner = SelfRefiner(net, explains, sample_ema, phases, 0., weight, guide='center', side=side, **how)
        if weight: assert {name.rsplit('.')[-1] for name in refiner.modulation.layers} == {'attn1'}
        optimizer, g = torch.optim.SGD(net.parameters(), .1), torch.Generator().manual_seed(0)
        for step in range(phases.total):
            x, text = torch.randn(2, 4, 8, 8, generator=g), torch.randn(2, 5, 16, generator=g)
            added = dict(text_embeds=torch.randn(2, 16, generator=g), time_ids=torch.ones(2, 6))
            refiner.at(step)
            noise, target = refiner.enhance(x)
            net(noise, 10, text, added_cond_kwargs=added).sample.sub(target).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        refiner.remove()
        return net.state_dict()
    assert same(learned(.5), learned(.5)) and not same(learned(.5), learned(0))

def test_xl_folder_is_refused_by_name(sd, tmp_path):
    "As a pipeline, and where its U-Net stands in the folder of another."
    tokenizer = caption_tokenizer(words)
    texts = text_model(CLIPTextModel, tokenizer), text_model(CLIPTextModelWithProjection, tokenizer)
    xl = StableDiffusionXLPipeline(first_stage(), *texts, tokenizer, tokenizer, xl_unet(), PNDMScheduler())
    xl.save_pretrained(tmp_path/'xl')
    with pytest.raises(ValueError, match='not .StableDiffusionXLPipeline'): load_model(tmp_path/'xl')
    pipe = StableDiffusionPipeline.from_pretrained(sd)
    pipe.register_modules(unet=xl_unet())
    pipe.save_pretrained(tmp_path/'mixed')
    with pytest.raises(ValueError, match='SDXL'): load_model(tmp_path/'mixed')
