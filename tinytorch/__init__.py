"""TinyTorch: the framework that you build, one module at a time.

Each public name lives in the file that its module exports (`Tensor` in `core/tensor.py`). Names
are looked up when they are first used, so the package imports however much of it exists so far.
Module 06, once it is there, is imported before any of them: from then on operations are recorded
and `backward` works.
"""

import warnings
from importlib import import_module

_EXPORTS = {
    "setup": "check_environment whoami",
    "core.tensor": "Tensor Operation operation",
    "core.activations": "Step Sigmoid ReLU Tanh GELU Softmax LogSoftmax",
    "core.layers": "Layer Linear Dense Dropout Flatten Sequential manual_seed",
    "core.losses": "MSELoss CrossEntropyLoss BinaryCrossEntropyLoss",
    "core.dataloader": "Dataset TensorDataset DataLoader RandomHorizontalFlip RandomCrop Normalize "
    "Compose Digits MNIST CIFAR10Dataset",
    "core.autograd": "Function no_grad gradcheck",
    "core.optimizers": "Optimizer SGD Adam AdamW",
    "core.training": "CosineSchedule OneCycle clip_grad_norm Trainer",
    "core.spatial": "Conv2d Conv2D MaxPool2d MaxPool2D AvgPool2d BatchNorm2d",
    "core.tokenization": "CharTokenizer BPETokenizer",
    "core.embeddings": "Embedding PositionalEncoding sinusoidal_positions",
    "core.attention": "scaled_dot_product_attention MultiHeadAttention causal_mask",
    "core.transformers": "LayerNorm MLP TransformerBlock GPT",
    "perf.profiling": "Profiler",
    "perf.quantization": "QuantizedLinear quantize_model",
    "perf.compression": "sparsity magnitude_prune structured_prune low_rank KnowledgeDistillation",
    "perf.acceleration": "vectorized_matmul tiled_matmul im2col col2im accelerate accelerated",
    "perf.memoization": "KVCache",
    "perf.benchmarking": "Benchmark",
    "tinygpt": "TinyGPT",
}
_asked = False  # whether module 06 was looked for
_HOME = {name: home for home, names in _EXPORTS.items() for name in names.split()}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'tinytorch' has no attribute {name!r}")
    home = f"{__name__}.{_HOME[name]}"
    _record()
    try:
        module = import_module(home)
    except ModuleNotFoundError as error:
        if error.name is None or not home.startswith(error.name):
            raise
        raise ImportError(
            f"{name} comes from {home}, which is not there yet: "
            "save the module that exports it, or run `tito module complete`."
        ) from None
    value = getattr(module, name)
    globals()[name] = value
    return value


def _record():
    """Import module 06, once, so that what is computed from now on can be differentiated."""
    global _asked
    if _asked:
        return
    _asked = True
    autograd = f"{__name__}.core.autograd"
    try:
        import_module(autograd)
    except ModuleNotFoundError as error:
        if error.name is None or not autograd.startswith(error.name):
            warnings.warn(f"core/autograd.py needs {error.name}; nothing is recorded", stacklevel=3)
    except Exception as error:
        # the rest of the framework is good without it
        warnings.warn(f"core/autograd.py: {error}; nothing is recorded", stacklevel=3)
