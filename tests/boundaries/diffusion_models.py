"Calls of selfrefine.diffusion that read, write or make models: (call, error, words of its message)."
import json, shutil
import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from selfrefine.data.folders import replace_folder, restore_folder
from selfrefine.data.images import Images, Latents
from selfrefine.diffusion.autoencoder import load_first_stage, new_first_stage
from selfrefine.diffusion.checkpoints import Recipe
from selfrefine.diffusion.cpu import bf16_pays, explicit_attention, sampling_mode
from selfrefine.diffusion.diffusion_model import Diffusion, halvings
from selfrefine.diffusion.first_stage_training import Autoencoder, cluster_centres, init_codebook, reconstruction_loss
from selfrefine.diffusion.first_stage_training import train_first_stage, unscaled_latents
from selfrefine.diffusion.models import ddpm, encode_set, improved, ldm, load_model, new_model, pipeline, save_model
from selfrefine.diffusion.models import shipped, shipped_folder, stable_diffusion, text_to_image, uvit
from selfrefine.diffusion.model_digests import model_digest, weights_digest
from selfrefine.diffusion.reading import check_weights, read_config, read_network, read_schedule
from selfrefine.diffusion.schedules import ddpm_schedule

def damaged(good, path, data=None, **values):
    "A copy of a model's folder with other bytes or other values in one file."
    folder = good.with_name(f'damaged-{len(list(good.parent.iterdir()))}')
    shutil.copytree(good, folder)
    if values: data = json.dumps(json.loads((folder/path).read_text()) | values).encode()
    (folder/path).write_bytes(data)
    return folder

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    small = dict(channels=(8, 16), layers=1, attention=(), head_dim=8)
    model, vq, kl = ddpm(16, **small), new_first_stage('vq', 16), new_first_stage('kl', 16)
    good = save_model(model, folder/'good')
    latent = ldm(16, first_stage=vq, **small)
    vq.save_pretrained(folder/'vq')
    (folder/'text.txt').write_text('text')
    (folder/'photos').mkdir()
    (folder/'photos/a.jpg').write_text('photo')
    (folder/'empty').mkdir()
    x = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    images, grey, big = Images(x), Images(x[:, :1]), Images(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    recipe = Recipe(batch=2)
    words = new_model('text', 16, captions=['red heart'])
    config = {k: v for k, v in words.net.unet.config.items() if not k.startswith('_')}
    config |= dict(addition_embed_type='text_time', addition_time_embed_dim=8, projection_class_embeddings_input_dim=64)
    UNet2DConditionModel(**config).save_pretrained(save_model(words, folder/'xl')/'unet')
    return globals() | locals()

weights, index = 'unet/diffusion_pytorch_model.safetensors', 'model_index.json'
unet, scheduler = 'unet/config.json', 'scheduler/scheduler_config.json'

def read(words, path, data=None, **values):
    "The row for a model's folder with one damaged file."
    return f'load_model(damaged(good, {path!r}, {data!r}, **{values!r}))', ValueError, words

rows = [
    ("load_model(folder/'empty')", FileNotFoundError, ['no model_index.json', 'give the folder']),
    ("load_model(folder/'text.txt')", FileNotFoundError, ['text.txt is not a diffusers folder']),
    ("load_model(folder/'nowhere')", FileNotFoundError, ['nowhere is not a diffusers folder']),
    ("load_model(None)", TypeError, ['the folder of a model is given as a text or a Path', 'None']),
    ("load_model(model)", TypeError, ['the folder of a model']),
    read([index, 'cannot be read', 'cut short'], index, b'{"_class_name": "DDPM'),
    read([index, 'cannot be read'], index, b'[]'),
    read([index, 'cannot be read'], index, b'\xff\xfe\x00'),
    read(['the pipeline is one of', "did you mean 'DDPMPipeline'"], index, _class_name='DDPMPipelin'),
    read(['the pipeline is one of', 'None'], index, _class_name=None),
    read(['the library of unet', 'evil'], index, unet=['evil', 'UNet2DModel']),
    read(['its parts are', 'transformer'], index, transformer=['diffusers', 'SD3Transformer2DModel']),
    read(['unet/config.json cannot be read'], unet, b''),
    read([weights, 'cannot be read'], weights, b''),
    read([weights, 'cannot be read'], weights, b'\x00'*4096),
    read(['other shapes than config.json'], unet, in_channels=4),
    read(['which is no setting of a network'], unet, in_channels=10**9),
    read(['asks for many more layers'], unet, layers_per_block=10**6),
    read(['lack', 'more; was a file changed'], unet, layers_per_block=3),
    read(['sample_size of the unet must be a whole number from 1 to 4096'], unet, sample_size=0),
    read(['holds a UNet3D'], unet, _class_name='UNet3D'),
    read(['the schedule is one of', 'FlowMatchEuler'], scheduler, _class_name='FlowMatchEulerDiscreteScheduler'),
    read(['the schedule is one of', 'EDMEulerScheduler'], scheduler, _class_name='EDMEulerScheduler'),
    read(['prediction_type is one of epsilon', 'v_prediction'], scheduler, prediction_type='v_prediction'),
    read(['num_train_timesteps must be a whole number', '-1'], scheduler, num_train_timesteps=-1),
    read(['which is no setting'], scheduler, num_train_timesteps=10**12),
    read(['beta_start must be a number', 'x'], scheduler, beta_start='x'),
    read(['rescale_betas_zero_snr is one of False'], scheduler, rescale_betas_zero_snr=True),
    read(['the parts do not fit'], scheduler, variance_type='learned_range'),
    ("load_model(folder/'xl')", ValueError, ['xl', "addition_embed_type is 'text_time'", 'SDXL']),
    ("stable_diffusion(folder/'xl')", ValueError, ['asks for more than an image, a time and a text']),
    ("save_model(model, folder/'photos')", FileExistsError, ['photos holds a.jpg', 'give another folder']),
    ("save_model(model, folder)", FileExistsError, ['which would be lost']),
    ("save_model(model, folder/'text.txt')", NotADirectoryError, ['text.txt is a file', 'give the name of a folder']),
    ("save_model(model, folder/'text.txt/m')", OSError, ['could not be written', 'intact']),
    ("save_model(model, None)", TypeError, ['the folder of a model']),
    ("save_model(model.net, folder/'m')", TypeError, ['model must be an object of Diffusion', 'UNet2DModel']),
    ("save_model(Diffusion(torch.nn.Linear(1, 1), ddpm_schedule()), folder/'m')", TypeError, ['the network', 'Linear']),
    ("save_model(None, folder/'m')", TypeError, ['model must be an object of Diffusion']),
    ("ldm('32', first_stage=vq)", ValueError, ['side must be a whole number', "'32'"]),
    ("new_model('ddpm', 16, size=(8, 16))", TypeError, ['size must be an object of dict', 'tuple']),
    ("model_digest(model.net)", TypeError, ['model must be an object of Diffusion', 'UNet2DModel']),
    ("pipeline('ddpm')", TypeError, ['model must be an object of Diffusion', 'str']),
    ("shipped('ddmp-emoji')", ValueError, ['the package ships', "did you mean 'ddpm-emoji'"]),
    ("shipped_folder(None)", ValueError, ['the package ships', 'None']),
    ("stable_diffusion(good)", ValueError, ['holds no text model']),
    ("new_model('dpm')", ValueError, ['models are', "did you mean 'ddpm'"]),
    ("new_model(['ddpm'])", ValueError, ['models are']),
    ("new_model('ddpm', 0)", ValueError, ['side must be a whole number']),
    ("new_model('ddpm', -1)", ValueError, ['side must be a whole number']),
    ("new_model('ddpm', 33)", ValueError, ['33']),
    ("new_model('ddpm', '32')", ValueError, ['side must be a whole number']),
    ("new_model('ddpm', 16, seed=None)", ValueError, ['seed must be a whole number']),
    ("new_model('ddpm', 16, size=dict(chanels=(8, 16)))", ValueError, ["did you mean 'channels'"]),
    ("new_model('ldm', 16, first_stage='vq')", TypeError, ['first_stage must be', 'VQModel or AutoencoderKL']),
    ("new_model('text', 48)", ValueError, ['presets for sides']),
    ("ddpm(16, in_channels=2)", ValueError, ['in_channels is one of 1, 3, not 2']),
    ("improved(16, in_channels=4)", ValueError, ['in_channels is one of 1, 3, not 4']),
    ("uvit(16, in_channels=None)", ValueError, ['in_channels is one of 1, 3']),
    ("ldm(16, first_stage=model.net)", TypeError, ['first_stage must be an object of']),
    ("text_to_image(16, first_stage=vq)", TypeError, ['first_stage must be an object of AutoencoderKL', 'VQModel']),
    ("weights_digest('net')", TypeError, ['net must be an object of Module', 'str']),
    ("encode_set(model, images)", ValueError, ['works on pixels']),
    ("encode_set(latent, big)", ValueError, ['(3, 32, 32)', 'made for (3, 16, 16)']),
    ("encode_set(latent, grey)", ValueError, ['(1, 16, 16)', '(3, 16, 16)']),
    ("encode_set(latent, [x])", TypeError, ['images must be a set']),
    ("encode_set(latent, images, batch=0)", ValueError, ['batch must be a whole number']),
    ("encode_set(None, images)", TypeError, ['model must be an object of Diffusion']),
    ("model.check_images(big)", ValueError, ['(3, 32, 32)', 'made for (3, 16, 16)', 'load the set']),
    ("model.check_images(grey)", ValueError, ['(1, 16, 16)', 'made for (3, 16, 16)']),
    ("model.check_images(Latents(torch.zeros(2, 3, 16, 16)))", ValueError, ['works on pixels']),
    ("latent.check_images(images)", ValueError, ['works on latents', 'encode_set']),
    ("model.check_images(None)", TypeError, ['images must be a set', 'NoneType']),
    ("model.tokens(['red'])", ValueError, ['not trained with captions']),
    ("latent.encode(x)", ValueError, ['images must be a float tensor (B, 3, H, W)', 'uint8']),
    ("latent.decode(torch.zeros(1, 4, 8, 8))", ValueError, ['latents must be a float tensor (B, 3, H, W)']),
    ("Diffusion(model.net, ddpm_schedule(), kl).check_parts()", ValueError, ['the parts do not fit']),
    ("new_first_stage('vqq')", ValueError, ['regularizer is one of vq, kl', "did you mean 'vq'"]),
    ("new_first_stage('vq', 17)", ValueError, ['first stages for sides', '17']),
    ("new_first_stage('vq', [16])", ValueError, ['first stages for sides']),
    ("new_first_stage('vq', 16, 'a')", ValueError, ['seed must be a whole number']),
    ("load_first_stage(folder/'empty')", FileNotFoundError, ['there is no file', 'config.json']),
    ("load_first_stage(None)", TypeError, ['the folder of a first stage']),
    ("load_first_stage(good/'unet')", ValueError, ['holds a UNet2DModel, not a VQModel or AutoencoderKL']),
    ("load_first_stage(damaged(folder/'vq', 'config.json', scaling_factor=0))", ValueError, ['scaling_factor']),
    ("load_first_stage(damaged(folder/'vq', 'config.json', scaling_factor='1'))", ValueError, ['scaling_factor']),
    ("read_network(folder/'empty', ('UNet2DModel',))", FileNotFoundError, ['config.json']),
    ("read_schedule(folder/'empty')", FileNotFoundError, ['scheduler_config.json']),
    ("read_config(folder/'text.txt')", ValueError, ['text.txt cannot be read']),
    ("read_config(folder)", FileNotFoundError, ['there is no file']),
    ("bf16_pays('gpu')", ValueError, ['a device is', 'gpu']),
    ("explicit_attention(model).__enter__()", TypeError, ['net must be an object of Module']),
    ("sampling_mode(model.net).__enter__()", TypeError, ['model must be an object of Diffusion']),
    ("Autoencoder(model.net)", TypeError, ['first_stage must be an object of']),
    ("reconstruction_loss('lpips')", TypeError, ['distance is a function']),
    ("reconstruction_loss(weight=float('nan'))", ValueError, ['weight must be a number of at least 0', 'nan']),
    ("reconstruction_loss(price=-1)", ValueError, ['price must be a number of at least 0']),
    ("unscaled_latents(vq, x.float())", ValueError, ['images must be a non-empty uint8 tensor']),
    ("unscaled_latents(vq, x, 0)", ValueError, ['batch must be a whole number']),
    ("unscaled_latents(model, x)", TypeError, ['first_stage must be an object of']),
    ("cluster_centres(torch.zeros(4, 3), 0)", ValueError, ['n must be a whole number of at least 1']),
    ("cluster_centres(torch.zeros(4, 3), 2)", ValueError, ['1 different latents for 2 codes']),
    ("cluster_centres(torch.zeros(4), 2)", ValueError, ['float tensor (N, c)']),
    ("cluster_centres([[1.]], 1)", ValueError, ['float tensor (N, c)']),
    ("init_codebook(kl, x)", TypeError, ['first_stage must be an object of VQModel']),
    ("init_codebook(vq, x[:0])", ValueError, ['images must be a non-empty uint8 tensor']),
    ("train_first_stage(vq, images, 1, recipe)", ValueError, ['steps must be a whole number of at least 2']),
    ("train_first_stage(kl, images, 2.5, recipe)", ValueError, ['steps must be a whole number']),
    ("train_first_stage(kl, images, 3, dict(lr=.1))", TypeError, ['recipe must be an object of Recipe', 'dict']),
    ("train_first_stage(vq, x, 3, recipe)", TypeError, ['images must be a set']),
    ("train_first_stage('vq', images, 3, recipe)", TypeError, ['first_stage must be an object of']),
    ("train_first_stage(kl, grey, 3, recipe)", ValueError, ['1']),
    ("with replace_folder(folder/'photos', ('m.json',)): pass", FileExistsError, ['photos holds a.jpg']),
    ("with replace_folder(folder/'text.txt', ('m.json',)): pass", NotADirectoryError, ['is a file']),
    ("with replace_folder(None, ('m.json',)): pass", TypeError, ['the folder is given as a text or a Path']),
    ("restore_folder(None)", TypeError, ['the folder is given as a text or a Path']),
]
