"Calls of selfrefine.method that must be refused: (call, error, words of its message)."
import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from selfrefine.method.attention import modulate
from selfrefine.method.caution import judge_auc, judge_maps
from selfrefine.method.classification import classification, roc_auc
from selfrefine.method.gradcam import build_vgg, cam_grid, check_maps, grad_cam, library_cam, maps_from_cams, overlay
from selfrefine.method.gradcam import read_vgg_weights, VGG16
from selfrefine.method.highlighter import FlawHighlighter
from selfrefine.method.local_highlighter import LocalHighlighter, flaw_probabilities, load_highlighter, new_highlighter
from selfrefine.method.mfam import MapContext, MapState, center_map, edge_map, guidance, mean_map, random_map
from selfrefine.method.planted_flaws import plant
from selfrefine.method.preparation import background_only, reencode_jpeg, split_parts
from selfrefine.method.self_attention import self_attentions
from selfrefine.data.images import Images
from selfrefine.data.storage import save_tensors

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    g = torch.Generator().manual_seed(0)
    x, maps = torch.randint(256, (20, 3, 32, 32), dtype=torch.uint8, generator=g), torch.rand(4, 1, 4, 4)
    nan = float('nan')
    raw, h = (FlawHighlighter(x, width=1/32) for _ in range(2))
    h.fitted.fill_(True)
    broken = FlawHighlighter(width=1/32)
    broken.net.classifier[3].bias.data.fill_(nan)
    good = h.save(folder/'good.safetensors')
    (folder/'cut.safetensors').write_bytes(good.read_bytes()[:500])
    (folder/'text.pth').write_text('weights')
    def stored(**changed):
        settings = h.settings | changed
        return save_tensors(folder/'other.safetensors', h.state_dict(), 'selfrefine highlighter 1', settings)
    def layer():
        net = torch.nn.Sequential(Attention(16, heads=2, dim_head=8, qk_norm='layer_norm'))
        net[0].set_processor(AttnProcessor())
        return net
    net = UNet2DModel(sample_size=8, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
        attention_head_dim=4, down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
        up_block_types=('AttnUpBlock2D', 'UpBlock2D'))
    return globals() | dict(folder=folder, x=x, maps=maps, nan=nan, h=h, raw=raw, broken=broken, stored=stored,
                            layer=layer, net=net, state=MapState(8, 8), tokens=torch.randn(1, 16, 16))

channels = ['1 channel (grey) or 3']
square, bytes_ = ['takes square images', 'crop'], ['non-empty uint8']
rows = [
    ("roc_auc([0, 1], [0, 1])", TypeError, ['predicted labels']),
    ("roc_auc([nan, 1.], [0, 1])", ValueError, ['NaN']),
    ("classification([.1, .2], [1, 1])", ValueError, ['one class']),
    ("classification([-3., 2.], [0, 1])", ValueError, ['pass a threshold']),
    ("VGG16(100)", ValueError, ['multiple of 32', '128']),
    ("VGG16(64, nan)", ValueError, ['width must be a number']),
    ("VGG16(64, -1)", ValueError, ['width must be a number']),
    ("VGG16(10**9)", ValueError, ['side must be a whole number from 32']),
    ("cam_grid(64, 31)", ValueError, ['layer must be a whole number from 0 to 30']),
    ("cam_grid(32, 29)", ValueError, ['too coarse', 'enlarge the side to 64']),
    ("build_vgg(64, 1., 'imagnet', 0)", FileNotFoundError, ["did you mean 'imagenet'"]),
    ("build_vgg(64, 1., folder/'text.pth', 0)", ValueError, ["does not hold VGG16's convolutions"]),
    ("read_vgg_weights(folder/'cut.safetensors')", ValueError, ["does not hold VGG16's convolutions"]),
    ("read_vgg_weights(folder)", FileNotFoundError, ['no VGG16 weights at']),
    ("grad_cam(h.net, torch.zeros(1, 3, 64, 64), -1)", ValueError, ['layer must be']),
    ("grad_cam(h.net, torch.zeros(1, 3, 64, 64), 29, 2)", ValueError, ['target must be']),
    ("grad_cam(net, torch.zeros(1, 3, 64, 64))", TypeError, ['net must be an object of VGG16']),
    ("library_cam(h.net, torch.zeros(1, 3, 64, 64), 29, 'layer')", ValueError, ["did you mean 'layercam'"]),
    ("maps_from_cams(maps*nan, 32)", ValueError, ['NaN']),
    ("maps_from_cams(maps[:0], 32)", ValueError, ['non-empty float tensor']),
    ("maps_from_cams(maps, 0)", ValueError, ['side must be']),
    ("check_maps(None)", ValueError, ['not NoneType']),
    ("overlay(x, maps)", ValueError, ['4 maps for 20 images']),
    ("overlay(x.float(), maps)", ValueError, bytes_),
    ("overlay(x[:4], maps, nan)", ValueError, ['strength must be']),
    ("judge_auc(nan, 10, 10)", ValueError, ['auc must be']),
    ("judge_auc(.7, 0, 10)", ValueError, ['n_fake must be']),
    ("judge_maps(maps/0)", ValueError, ['NaN or infinity']),
    ("split_parts(x[:9], 0)", ValueError, ['at least 10 square images']),
    ("split_parts(Images(x, parts=dict(train=torch.arange(20))), 0)", ValueError, ['none in the part val']),
    ("background_only(x.float())", ValueError, bytes_),
    ("reencode_jpeg(x, 0)", ValueError, ['quality must be']),
    ("reencode_jpeg(x[:, :2])", ValueError, ['1 channel (grey) or 3']),
    *[(f"FlawHighlighter(x, **dict(width=1/32) | dict({option}))", ValueError, [word]) for option, word in (
        ('side=80', 'multiple of 32'), ('side=-64', 'side must be'), ("side='64'", 'side must be'),
        ('width=nan', 'width must be'), ('layer=40', 'layer must be'), ("cam='gradcm'", "did you mean 'gradcam'"),
        ('noise=nan', 'noise must be'),
        ('noise=-.1', 'noise must be'), ('seed=.5', 'seed must be'), ("weights='imagenet'", 'for the full VGG16'))],
    ("FlawHighlighter(x[:12]/255)", ValueError, ['not torch.float32', 'in [0, 1] become bytes with to_uint8(2*x - 1)']),
    ("FlawHighlighter('photos')", ValueError, ['at least 10 square images', 'not str']),
    ("FlawHighlighter(x.float())", ValueError, ['not torch.float32']),
    *[(f"h.{answer}({images})", ValueError, words) for answer in ('fake_scores', 'logits', 'cams', 'maps')
      for images, words in (('x/255', bytes_), ('x.long()', bytes_), ('x/127.5 - 1', bytes_), ('x[:0]', bytes_),
        ('x.numpy()', bytes_), ('None', bytes_),
        ('x[:, :2]', channels), ('x[:, :, :16]', square), ('x.repeat(1, 2, 1, 1)[:, :4]', channels))],
    ("h.logits(x, batch=0)", ValueError, ['batch must be']),
    ("FlawHighlighter(x, width=1/32).half().fake_scores(x)", TypeError, ['float32', 'call .float()']),
    ("FlawHighlighter(x, width=1/32).to(torch.bfloat16).cams(x)", TypeError, ['float32', 'call .float()']),
    ("broken.fake_scores(x)", ValueError, ['answers NaN or infinity', 'fit it again']),
    ("h.evaluate()", ValueError, ['nothing to evaluate on']),
    ("h.evaluate(x.float(), x)", ValueError, bytes_),
    ("h.fit(x[:9])", ValueError, ['at least 10 square images']),
    ("h.fit(x[:, :, :16, :16])", ValueError, ['resize both in the same way']),
    ("h.fit(None)", ValueError, ['not NoneType']),
    ("h.fit(x, batch=1)", ValueError, ['batch must be a whole number of at least 2']),
    ("h.fit(x, epochs=0)", ValueError, ['epochs must be']),
    ("h.fit(x, lr=nan)", ValueError, ['lr must be']),
    ("h.fit(x, lr=-1e-3)", ValueError, ['lr must be']),
    ("FlawHighlighter(width=1/32).fit(x)", ValueError, ['no real images']),
    ("h.caution(maps*nan)", ValueError, ['NaN']),
    ("FlawHighlighter.load(folder/'cut.safetensors')", ValueError, ['not a highlighter saved', 'fit one']),
    ("FlawHighlighter.load(folder/'none.safetensors')", FileNotFoundError, ['no highlighter at']),
    ("FlawHighlighter.load(stored(weights='/etc/passwd'))", ValueError, ['missing settings: weights']),
    ("FlawHighlighter.load(stored(real='emoji'))", ValueError, ['missing settings: real']),
    ("FlawHighlighter.load(stored(width=1e9))", ValueError, ['width must be']),
    ("load_highlighter(stored(flaws=['noise']))", ValueError, ['not a highlighter saved']),
    ("load_highlighter(folder/'text.pth')", ValueError, ['not a highlighter saved']),
    ("LocalHighlighter(flaws='noise')", ValueError, ['flaws are a tuple']),
    ("LocalHighlighter(flaws=('nois',))", ValueError, ["did you mean 'noise'"]),
    ("LocalHighlighter(cam='gradcam')", ValueError, ['no CAM to choose']),
    ("new_highlighter('locl')", ValueError, ["did you mean 'local'"]),
    ("flaw_probabilities(h, x)", TypeError, ['judge must be an object of LocalHighlighter']),
    ("mean_map(maps*nan, 8)", ValueError, ['NaN']),
    ("mean_map(maps[:0], 8)", ValueError, ['non-empty']),
    ("center_map(0)", ValueError, ['side must be']),
    ("edge_map(x.float())", ValueError, bytes_),
    ("guidance('fm')", ValueError, ["did you mean 'fam'"]),
    ("guidance(None)", ValueError, ['guide is one of']),
    ("MapState(0, 8)", ValueError, ['height must be']),
    ("MapState(8, 8.5)", ValueError, ['width must be']),
    ("state.put(maps, 0)", ValueError, ['resize it']),
    ("state.put(torch.full((1, 1, 8, 8), nan), 0)", ValueError, ['NaN']),
    ("state.put(None, 0)", TypeError, ['the map must be']),
    ("plant(x, 'nois')", ValueError, ["did you mean 'noise'"]),
    ("plant(x.float(), 'noise')", ValueError, bytes_),
    ("plant(x[:1], 'noise')", ValueError, ['two or more square images']),
    ("self_attentions(None)", TypeError, ['model must be']),
    ("self_attentions(torch.nn.Linear(2, 2))", ValueError, ['no self-attention']),
    ("modulate(net, state, nan)", ValueError, ['the reverse weight must be']),
    ("modulate(net, state, .1, extra_tokens=-1)", ValueError, ['extra_tokens must be']),
    ("modulate(net, state.map, .1)", TypeError, ['state must be an object of MapState']),
    ("modulate(net, state, .1, 'scale')", TypeError, ['readings must be an object of Readings']),
    ("net = layer(); m = modulate(net, state, .1); m.size = (4, 4); m.handles.pop(0).remove(); net(tokens)", ValueError,
      ['AttnProcessor', 'norm_k']),
    ("raw.maps(x)", ValueError, ['knows no flaws yet', 'fit it on generated images, or load one']),
    ("guidance('fam')(maps)", TypeError, ['context must be an object of MapContext', 'Tensor']),
    ("guidance('fam')(MapContext(8))", ValueError, ['needs cams']),
    ("random_map(None, 8, 3)", TypeError, ['generator must be an object of Generator', 'int']),
    ("random_map(x, 8, torch.Generator())", ValueError, ['cams must be a non-empty float tensor'])]
