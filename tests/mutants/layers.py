"""Mistakes in `core/layers.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_DEFINITIONS = [
    (
        "inner-layers-forgotten",
        'found.extend(named_tensors(value, prefix + name + "."))',
        "pass",
        "parameters of layers inside layers are not found",
    ),
    (
        "prefix-lost",
        'named_tensors(value, prefix + name + ".")',
        'named_tensors(value, name + ".")',
        "names of deep layers lose their beginning",
    ),
    (
        "dot-forgotten",
        'named_tensors(value, prefix + name + ".")',
        "named_tensors(value, prefix + name)",
        "names run together",
    ),
    (
        "copies-found",
        "found.append((prefix + name, value))",
        "found.append((prefix + name, Tensor(value.data.copy(), value.requires_grad)))",
        "training changes copies",
    ),
    (
        "bias-not-a-parameter",
        "        if isinstance(value, Tensor):\n            found.append",
        '        if isinstance(value, Tensor) and name != "bias":\n            found.append',
        "the bias is missing in parameters()",
    ),
    (
        "init-too-large",
        "bound = 1 / np.sqrt(fan_in)",
        "bound = 1.0",
        "a signal grows from layer to layer",
    ),
    (
        "init-not-rooted",
        "bound = 1 / np.sqrt(fan_in)",
        "bound = 1 / fan_in",
        "the square root is missing",
    ),
    (
        "init-positive",
        "_generator.uniform(-bound, bound, size=shape)",
        "_generator.uniform(0, bound, size=shape)",
        "all weights are positive",
    ),
    (
        "init-constant",
        "_generator.uniform(-bound, bound, size=shape)",
        "np.full(shape, bound)",
        "all units start alike",
    ),
    (
        "init-unseeded",
        "_generator.uniform(-bound, bound, size=shape)",
        "np.random.uniform(-bound, bound, size=shape)",
        "manual_seed has no effect",
    ),
    (
        "init-float64",
        "Tensor(values.astype(np.float32), requires_grad=True)",
        "Tensor(values, requires_grad=True)",
        "weights are float64",
    ),
    (
        "init-frozen",
        "Tensor(values.astype(np.float32), requires_grad=True)",
        "Tensor(values.astype(np.float32))",
        "weights are not parameters",
    ),
    (
        "bias-never-added",
        "product if self.bias is None else product + self.bias",
        "product",
        "the bias has no effect",
    ),
    (
        "bias-subtracted",
        "product if self.bias is None else product + self.bias",
        "product if self.bias is None else product - self.bias",
        "the bias has the wrong sign",
    ),
    (
        "weight-transposed",
        "product = x @ self.weight.T",
        "product = x @ self.weight.reshape(self.in_features, self.out_features)",
        "the weight is reshaped, not transposed",
    ),
    (
        "flatten-batch-too",
        "return x.reshape(x.shape[0], columns)",
        "return x.reshape(-1)",
        "examples melt together",
    ),
    (
        "flatten-last-axes",
        "columns = int(np.prod(x.shape[1:]))",
        "columns = -1",
        "an empty batch cannot be flattened",
    ),
    (
        "flatten-mixed",
        "return x.reshape(x.shape[0], columns)",
        "return x.T.reshape(x.shape[0], columns)",
        "numbers of an example are out of order",
    ),
    (
        "last-layer-skipped",
        "for layer in self.layers:\n            x = layer(x)",
        "for layer in self.layers[:-1]:\n            x = layer(x)",
        "Sequential leaves out its last layer",
    ),
    (
        "returns-inside-loop",
        "            x = layer(x)\n        return x",
        "            x = layer(x)\n            return x",
        "Sequential returns after its first layer",
    ),
    (
        "every-layer-from-the-start",
        "for layer in self.layers:\n            x = layer(x)\n        return x",
        "y = x\n        for layer in self.layers:\n            y = layer(x)\n        return y",
        "each layer gets the first input",
    ),
    (
        "mode-outside-only",
        "            set_training(value, training)",
        "            pass",
        "layers inside are not switched",
    ),
    (
        "mode-always-on",
        "            set_training(value, training)",
        "            set_training(value, True)",
        "layers inside stay in training",
    ),
    (
        "dropout-unscaled",
        "scale = kept.astype(x.dtype) / (1 - self.p)",
        "scale = kept.astype(x.dtype)",
        "sums in training are too small",
    ),
    (
        "dropout-scaled-by-p",
        "scale = kept.astype(x.dtype) / (1 - self.p)",
        "scale = kept.astype(x.dtype) / self.p",
        "divided by p, not by 1 - p",
    ),
    (
        "dropout-in-eval",
        "if not self.training or self.p == 0:",
        "if self.p == 0:",
        "drops in use too",
    ),
    ("dropout-keeps-p", "random(x.shape) >= self.p", "random(x.shape) < self.p", "keeps a share p"),
    (
        "dropout-whole-rows",
        "_generator.random(x.shape)",
        "_generator.random((x.shape[0],) + (1,) * (x.ndim - 1))",
        "drops whole examples",
    ),
    (
        "dropout-unseeded",
        "_generator.random(x.shape)",
        "np.random.random(x.shape)",
        "manual_seed has no effect on masks",
    ),
    (
        "state-shared",
        "{name: tensor.data.copy() for name, tensor in named_tensors(layer)}",
        "{name: tensor.data for name, tensor in named_tensors(layer)}",
        "the saved arrays change as training goes on",
    ),
    (
        "state-parameters-only",
        "{name: tensor.data.copy() for name, tensor in named_tensors(layer)}",
        "{name: tensor.data.copy() for name, tensor in layer.named_parameters()}",
        "frozen tensors are lost",
    ),
    (
        "load-shares",
        "tensor.data[...] = state[name]",
        "tensor.data = state[name]",
        "two models share arrays",
    ),
    (
        "load-unchecked-shape",
        "if name in state and state[name].shape != own[name].shape:",
        "if False:",
        "a wrong shape is broadcast in silence",
    ),
    (
        "load-takes-what-fits",
        'problems = [f"{name} is missing" for name in own if name not in state]',
        "problems = []\n    own = {name: t for name, t in own.items() if name in state}",
        "a model is left half loaded",
    ),
    (
        "load-ignores-unexpected",
        'problems += [f"{name} is unexpected" for name in state if name not in own]',
        "pass",
        "entries of another model are ignored",
    ),
]

MUTANTS = [Mutant(name, "03_layers", old, new, wrong) for name, old, new, wrong in _DEFINITIONS]
