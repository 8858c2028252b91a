"Calls of selfrefine.evaluation that must be refused: (call, error, words of its message)."
import math
import numpy as np
import torch
from torch import nn
from selfrefine.data.images import Images
from selfrefine.evaluation.clip_score import clip_score
from selfrefine.evaluation.distances import as_feature_pair, as_features, frechet, kid, statistics
from selfrefine.evaluation.features import Encoder, encoder, rgb_bytes
from selfrefine.evaluation.localisation_scores import average_precision, cell_means, localisation_scores, pointing
from selfrefine.evaluation.localisation_scores import top_cell_hits, top_cells
from selfrefine.evaluation.nearest import copy_ratio, nearest
from selfrefine.evaluation.perceptual import Perceptual, reconstruction_quality, restoration_scores
from selfrefine.evaluation.prompt_agreement import Judge, agreement, caption_scores, distractors, fit_judge, load_judge
from selfrefine.evaluation.prompt_agreement import same_design_captions, save_judge
from selfrefine.evaluation.statistics import bootstrap_difference, classification_intervals, mean_interval
from selfrefine.evaluation.statistics import paired_interval, smallest_effect

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    x = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    maps, boxes = torch.rand(4, 1, 16, 16), torch.zeros(4, 1, 16, 16, dtype=torch.bool)
    boxes[..., :8, :8] = True
    means = Encoder('means', lambda x: x.mean((2, 3)), torch.Tensor.float, 'cpu')
    f, judge, near = torch.rand(6, 4), Judge(['red', 'heart']), Perceptual()
    broken = f.clone()
    broken[3, 1] = math.nan
    (folder/'broken.safetensors').write_bytes(b'nothing')
    save_judge(judge, folder/'judge.safetensors')
    return globals() | locals()

rows = [
    # features
    ("encoder('resnet')", ValueError, ['auto, squeezenet, inception', "'resnet'"]),
    ("encoder('squeezent')", ValueError, ["did you mean 'squeezenet'?"]),
    ("encoder(None)", ValueError, ['the encoder is one of']),
    ("means.features(x.float())", ValueError, ['uint8', 'to_uint8']),
    ("means.features(x[:, :1])", ValueError, ['sees RGB, not 1 channels', 'repeat a grey channel']),
    ("means.features(x[:, [0, 1, 2, 0]])", ValueError, ['not 4', 'alpha']),
    ("means.features(x[:, :2])", ValueError, ['not 2', 'alpha']),
    ("means.features(x[:0])", ValueError, ['non-empty']),
    ("means.features(x, batch=0)", ValueError, ['batch must be a whole number of at least 1']),
    ("means.features(x/255)", ValueError, ['floats in [0, 1]', 'to_uint8(2*x - 1)']),
    ("means.features(x.permute(0, 2, 3, 1))", ValueError, ['not 32 of', 'x.permute(0, 3, 1, 2)']),
    ("means.features(x.numpy())", ValueError, ['uint8 tensor', 'ndarray']),
    ("means.features(None)", ValueError, ['NoneType']),
    ("rgb_bytes('a network', x[0])", ValueError, ['(N, C, H, W)']),
    # distances
    ("as_features(broken)", ValueError, ['NaN', 'row 3']),
    ("as_features(None)", ValueError, ['matrix (N, D)', 'NoneType']),
    ("as_features('features.npy')", ValueError, ['matrix (N, D)', 'str']),
    ("as_features([['a', 'b']])", ValueError, ['matrix (N, D)', 'list']),
    ("as_features(np.array([[None, 1.], [2., 3.]]))", ValueError, ['of numbers', 'ndarray']),
    ("as_features(f[:1])", ValueError, ['at least 2 rows', '(1, 4)']),
    ("as_features(f[:, :0])", ValueError, ['at least 2 rows', '(6, 0)']),
    ("as_features(f.to(torch.complex64))", ValueError, ['matrix (N, D) of numbers']),
    ("as_feature_pair(f, f[:, :3])", ValueError, ['4 features against 3', 'same encoder']),
    ("statistics(f[0])", ValueError, ['matrix (N, D)']),
    ("frechet(f, f[:, :2])", ValueError, ['same encoder']),
    ("frechet(f, broken)", ValueError, ['row 3']),
    ("frechet((f.mean(0),), f)", ValueError, ['a mean (D,) and a covariance (D, D)']),
    ("frechet((f.mean(0), torch.eye(3)), f)", ValueError, ['covariance (D, D)']),
    ("frechet((f.mean(0), -torch.eye(4)), f)", ValueError, ['negative variance']),
    ("frechet(('a', 'b'), f)", ValueError, ['make them with `statistics`']),
    ("kid(f, f[:1])", ValueError, ['at least 2 rows']),
    ("kid(f, f[:, :2])", ValueError, ['same encoder']),
    ("kid(f/0, f)", ValueError, ['infinity']),
    # statistics
    ("bootstrap_difference(f, f, f[:4])", ValueError, ['6 images against 4']),
    ("bootstrap_difference(f, f[:2], f[:2], kid)", ValueError, ['at least 3']),
    ("bootstrap_difference(f, f, broken)", ValueError, ['row 3']),
    ("bootstrap_difference(f, f, f, 'kid')", ValueError, ['a metric is a function', "'kid'"]),
    ("bootstrap_difference(f, f, f, n_boot=1)", ValueError, ['n_boot', 'at least 2']),
    ("bootstrap_difference(f, f, f, level=95)", ValueError, ['level', 'from 0.5 to 0.9999', '95']),
    ("smallest_effect(1)", ValueError, ['n must be', 'at least 2']),
    ("smallest_effect(5, level=1)", ValueError, ['level']),
    ("smallest_effect(5, power=0)", ValueError, ['power', 'from 0.51']),
    ("smallest_effect(math.nan)", ValueError, ['n must be', 'nan']),
    ("paired_interval([1., 2], [1.])", ValueError, ['equal length', '2 and 1']),
    ("paired_interval([], [])", ValueError, ['at least one number']),
    ("paired_interval([1., math.nan], [1., 2])", ValueError, ['score 1 is NaN', 'left out']),
    ("paired_interval(None, [1.])", ValueError, ['list']),
    ("paired_interval(['a'], [1.])", ValueError, ['list of numbers', 'list']),
    ("paired_interval([[1.]], [[1.]])", ValueError, ['(1, 1)']),
    ("mean_interval([])", ValueError, ['at least one number']),
    ("mean_interval([1., math.inf])", ValueError, ['score 1', 'infinite']),
    ("mean_interval([1., 2.], level=0)", ValueError, ['level']),
    ("mean_interval([1., 2.], n_boot=0)", ValueError, ['n_boot']),
    ("mean_interval([1., 2.], seed=-1)", ValueError, ['seed']),
    ("classification_intervals(torch.rand(4), torch.tensor([True, False, False, False]), pairs=True)", ValueError,
     ['are no pairs']),
    ("classification_intervals(torch.rand(4), torch.ones(4))", ValueError, ['one class']),
    ("classification_intervals(torch.rand(4)/0, torch.tensor([True, False, True, False]))", ValueError, ['infinity']),
    ("classification_intervals(torch.rand(4), torch.tensor([True, False]))", ValueError, ['one label']),
    ("classification_intervals(torch.rand(2), torch.tensor([True, False]), n_boot=0)", ValueError, ['n_boot']),
    # nearest
    ("nearest(x, x[..., :16, :16])", ValueError, ['bring both to one size']),
    ("nearest(x, x[:, :1])", ValueError, ['(3, 32, 32) against (1, 32, 32)']),
    ("nearest(x.float(), x)", ValueError, ['to_uint8']),
    ("nearest(x, x[:0])", ValueError, ['non-empty']),
    ("nearest(x, x, batch=0)", ValueError, ['batch']),
    ("nearest(None, x)", ValueError, ['NoneType']),
    ("copy_ratio(x, x, x)", ValueError, ['held out']),
    ("copy_ratio(x, x[:2], 255 - x, x[:2])", ValueError, ['in neither']),
    # perceptual
    ("near(x, x)", TypeError, ['to_float']),
    ("near(None, None)", TypeError, ['batch of images', 'NoneType']),
    ("near(x.float(), x.float())", ValueError, ['far outside [-1, 1]']),
    ("near(x.float()*math.nan, x.float()*math.nan)", ValueError, ['NaN']),
    ("near(x[:, :1]/255, x[:, :1]/255)", ValueError, ['(B, 3, H, W)']),
    ("near(x[:0]/255, x[:0]/255)", ValueError, ['(B, 3, H, W)']),
    ("Perceptual(side=16)", ValueError, ['at least 32']),
    ("Perceptual(side='64')", ValueError, ['side must be', "'64'"]),
    ("restoration_scores(x, x[:2])", ValueError, ['one true image for each']),
    ("restoration_scores(x[..., :8], x[..., :8])", ValueError, ['pixels, and the images are']),
    ("restoration_scores(x.float(), x)", ValueError, ['to_uint8']),
    ("restoration_scores(x[:, :1], x[:, :1])", ValueError, ['sees RGB, not 1']),
    ("restoration_scores(x, x, batch=-1)", ValueError, ['batch']),
    ("reconstruction_quality(nn.Identity(), x)", TypeError, ['VQModel or AutoencoderKL', 'Identity']),
    ("reconstruction_quality(None, x)", TypeError, ['NoneType']),
    # prompt agreement
    ("Judge(['a'], side=20)", ValueError, ['multiple of 8']),
    ("Judge(['a'], side=0)", ValueError, ['side', 'at least 8']),
    ("Judge(['a'], width=0)", ValueError, ['width']),
    ("fit_judge(x)", ValueError, ['has no captions']),
    ("fit_judge(Images(x))", ValueError, ['has no captions']),
    ("fit_judge(Images(x, captions=['red heart']*4), epochs=0)", ValueError, ['epochs']),
    ("fit_judge(Images(x, captions=['red heart']*4), batch=0)", ValueError, ['batch']),
    ("fit_judge(Images(x, captions=['red heart']*4), lr=math.nan)", ValueError, ['lr']),
    ("fit_judge(Images(x, captions=['red heart']*3 + ['']))", ValueError, ['empty caption']),
    ("load_judge(folder/'none.safetensors')", FileNotFoundError, ['no judge at', 'fit_judge']),
    ("load_judge(folder/'broken.safetensors')", ValueError, ['not a judge of this version', 'fit one again']),
    ("save_judge(means, folder/'j.safetensors')", TypeError, ['judge must be an object of Judge', 'Encoder']),
    ("load_judge(folder)", FileNotFoundError, ['no judge at']),
    ("caption_scores(judge, x, ['blue heart'])", ValueError, ['does not know blue']),
    ("caption_scores(judge, x, [''])", ValueError, ['empty caption']),
    ("caption_scores(judge, x, 'red heart')", ValueError, ['list of strings']),
    ("caption_scores(judge, x, [])", ValueError, ['list of strings']),
    ("caption_scores(judge, x[:, :1], ['red heart'])", ValueError, ['the judge sees RGB']),
    ("caption_scores(judge, x/255, ['red heart'])", ValueError, ['to_uint8']),
    ("caption_scores(judge, x, ['red heart'], batch=0)", ValueError, ['batch']),
    ("caption_scores('judge', x, ['red heart'])", TypeError, ['Judge', 'str']),
    ("agreement(x, ['red']*3, judge)", ValueError, ['3 captions for 4 images']),
    ("agreement(x, ['red']*4, judge)", ValueError, ['larger pool']),
    ("agreement(x, ['red']*4, judge, against=[['heart']]*3)", ValueError, ['leave out']),
    ("agreement(x, ['red']*4, judge, against=[['red']]*4)", ValueError, ['its own wrong answers']),
    ("agreement(x, ['red']*4, judge, level=95, against=[['heart']]*4)", ValueError, ['level']),
    ("distractors('red heart')", ValueError, ['list of strings']),
    ("distractors(['red', 'heart'], 1)", ValueError, ['choices', 'at least 2']),
    ("distractors(['red', 'heart'], 9)", ValueError, ['larger pool']),
    ("same_design_captions(['red'], None)", ValueError, ['list of strings']),
    # CLIPScore
    ("clip_score(x, ['a']*4, folder/'none')", FileNotFoundError, ['no CLIP model in', 'there is no such folder']),
    ("clip_score(x, ['a']*4, folder)", FileNotFoundError, ['no CLIP model in']),
    ("clip_score(x, ['a']*3, folder)", ValueError, ['3 captions for 4 images']),
    ("clip_score(x[:, :1], ['a']*4, folder)", ValueError, ['CLIP sees RGB']),
    ("clip_score(x, 'a', folder)", ValueError, ['list of strings']),
    # localisation
    ("cell_means(maps[0], 4)", ValueError, ['(N, 1, S, S)', 'm[None]']),
    ("cell_means(maps, 0)", ValueError, ['grid']),
    ("cell_means(None, 4)", TypeError, ['maps must be an object of Tensor']),
    ("top_cells(maps, 1)", ValueError, ['grid', 'at least 2']),
    ("top_cells(maps*math.nan, 4)", ValueError, ['NaN']),
    ("pointing(maps, boxes[:2])", ValueError, ['differ']),
    ("pointing(maps, boxes*.5)", ValueError, ['use a threshold']),
    ("top_cell_hits(maps, None)", TypeError, ['boxes must be']),
    ("average_precision(maps, boxes & False)", ValueError, ['no planted flaw']),
    ("localisation_scores(maps/0, boxes)", ValueError, ['infinity'])]
