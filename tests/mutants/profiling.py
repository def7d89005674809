"""Mistakes in `perf/profiling.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_DISTINCT = "distinct = {id(tensor): tensor for tensor in tensors}.values()"
_BYTES = "return numbers, sum(tensor.data.nbytes for tensor in distinct)"
_LINEAR = "each = 2 * layer.weight.shape[1] + (layer.bias is not None)"
_CONV = "each = 2 * c * kh * kw + (layer.bias is not None)"
_PAIRS = "pairs = b * layer.num_heads * t * t"
_DOT = "each = 2 * (dim // layer.num_heads)"
_PAIR = "return pairs * (each + 1 + 5 + each)"
_OWNERS = "for memory in map(owner, arrays_of(node)):"
_REMEMBER = "seen[id(memory)] = memory\n"
_BEFORE = "waiting += [value.node for value in node.inputs if isinstance(value, Tensor)]"
_WARM = "for _ in range(warmup):\n        function()\n"
_LOOP = """for i in range(repeats):
        began = clock()
        function()
        seconds[i] = clock() - began
"""
_HIDE = "layer.forward = partial(around, name, layer.forward)"
_UNDO = 'vars(layer).pop("forward", None)'
_PUT_BACK = "            if forward is not None:\n                layer.forward = forward\n"
_PARENT = "if parent >= 0:\n            own[parent] -= seconds[call]"
_END = "while under_way and not inside(call, under_way[-1][0], parents):"
_OVER = "seconds[over] = np.subtract(stamp, since)"
_LEAVE = "elif under_way and under_way[-1][0] == call:"
_ROOF = "return np.minimum(flops, intensity * bandwidth)"

_MISTAKES = [
    ("counted-per-use", _DISTINCT, "distinct = list(tensors)", "a shared tensor counts twice"),
    (
        "told-apart-by-value",
        _DISTINCT,
        "distinct = {t.data.tobytes(): t for t in tensors}.values()",
        "two tensors that happen to be equal are taken for one",
    ),
    (
        "four-bytes-each",
        _BYTES,
        "return numbers, 4 * numbers",
        "every number is taken for a float32",
    ),
    ("products-only", _LINEAR, _LINEAR.replace("2 * ", ""), "additions are forgotten"),
    ("bias-always", _LINEAR, "each = 2 * layer.weight.shape[1] + 1", "a bias that is not there"),
    (
        "bias-for-each-input",
        _LINEAR,
        "each = (2 + (layer.bias is not None)) * layer.weight.shape[1]",
        "a bias is added for every product",
    ),
    (
        "one-channel",
        _CONV,
        _CONV.replace("c * ", ""),
        "a kernel looks at one channel only",
    ),
    ("square-kernel", _CONV, _CONV.replace("kh * kw", "kh * kh"), "kernels are taken for squares"),
    (
        "places-of-the-input",
        "_, c, kh, kw = layer.weight.shape",
        "_, c, kh, kw = layer.weight.shape\n    y = (*y[:2], *x[2:])",
        "one place for every pixel of the input",
    ),
    ("heads-forgotten", _PAIRS, "pairs = b * t * t", "pairs are counted for one head only"),
    (
        "causal-half",
        _PAIRS,
        "pairs = b * layer.num_heads * t * (t + 1) // 2",
        "pairs that the mask forbids are left out, although they are computed",
    ),
    (
        "every-head-full-width",
        _DOT,
        "each = 2 * dim",
        "each head is taken to work on all features",
    ),
    ("softmax-forgotten", _PAIR, "return pairs * (each + each)", "products only, no softmax"),
    (
        "views-counted",
        _OWNERS,
        "for memory in arrays_of(node):",
        "a view counts as if it had memory of its own",
    ),
    (
        "outputs-only",
        _OWNERS,
        "for memory in [owner(node.output)]:",
        "what a Function keeps on itself is forgotten",
    ),
    ("never-remembered", _REMEMBER, "pass\n", "the same memory counts again and again"),
    (
        "last-node-only",
        _BEFORE,
        "waiting += []",
        "the walk ends at the first node",
    ),
    ("no-warm-up", _WARM, "del warmup\n", "the first calls are measured"),
    (
        "warm-up-counted",
        _WARM + "    seconds = np.empty(repeats)\n    " + _LOOP,
        _LOOP.replace("range(repeats)", "range(warmup + repeats)")
        .replace("for i", "seconds = np.empty(warmup + repeats)\n    for i")
        .rstrip()
        + "\n    seconds = seconds[:repeats]\n",
        "the first measurements are kept, the last ones dropped",
    ),
    (
        "mean-for-all",
        _LOOP,
        (
            "began = clock()\n    for i in range(repeats):\n        function()\n"
            "    seconds[:] = (clock() - began) / repeats\n"
        ),
        "one look at the clock for all calls: the spread is lost",
    ),
    (
        "since-the-start",
        _LOOP,
        (
            "began = clock()\n    for i in range(repeats):\n        function()\n"
            "        seconds[i] = clock() - began\n"
        ),
        "every measurement contains those before it",
    ),
    (
        "own-clock",
        "seconds[i] = clock() - began",
        "seconds[i] = time.perf_counter() - began",
        "the clock that was given is used only once",
    ),
    (
        "left-on-errors",
        "yield\n    finally:\n        for layer, forward in before:",
        (
            "yield\n    finally:\n        import sys\n\n"
            "        for layer, forward in before if sys.exc_info()[0] is None else []:"
        ),
        "after an error the model stays changed",
    ),
    (
        "first-layers-only",
        "for name, layer in layers:\n            layer.forward",
        "for name, layer in layers[:-1]:\n            layer.forward",
        "the last layer is not watched",
    ),
    (
        "class-patched",
        _HIDE,
        "type(layer).forward = partial(around, name, layer.forward)",
        "all layers of a class are changed, and for ever",
    ),
    (
        "method-left-behind",
        _UNDO,
        "layer.forward = vars(layer)['forward'].args[1]",
        "the usual forward is put on the object instead of uncovering the class's",
    ),
    ("others-lost", _PUT_BACK, "", "a forward that somebody else had put there is lost"),
    (
        "options-dropped",
        _HIDE,
        "layer.forward = lambda *inputs, n=name, f=layer.forward, **options: around(n, f, *inputs)",
        "options do not arrive",
    ),
    (
        "grandchildren-too",
        _PARENT,
        (
            "while parent >= 0:\n            own[parent] -= seconds[call]\n"
            "            parent = parents[parent]"
        ),
        "what is inside an inner call is taken away twice",
    ),
    (
        "own-of-own",
        "for call, parent in enumerate(parents):\n        " + _PARENT,
        "for call, parent in reversed(list(enumerate(parents))):\n        "
        + _PARENT.replace("seconds[call]", "own[call]"),
        "only the own time of an inner call is taken away",
    ),
    ("last-call-robbed", _PARENT, "own[parent] -= seconds[call]", "-1 is taken for a call"),
    ("written-over", "own = seconds.copy()", "own = seconds", "what was given is changed"),
    (
        "never-ended",
        _END,
        "while under_way and call == -1:",
        "a call that is never left lasts until the end of everything",
    ),
    (
        "ended-by-its-own",
        _END,
        "while under_way and under_way[-1][0] != call:",
        "a call ends when something inside it begins",
    ),
    ("since-the-beginning", _OVER, "seconds[over] = stamp", "a moment is taken for a duration"),
    (
        "never-left",
        _LEAVE,
        "elif under_way and under_way[-1][0] == call and False:",
        "marks at the inputs are ignored",
    ),
    ("roof-above-both", _ROOF, _ROOF.replace("minimum", "maximum"), "the faster one decides"),
    ("slope-forgotten", _ROOF, "return np.minimum(flops, intensity)", "bandwidth is forgotten"),
    (
        "slope-upside-down",
        _ROOF,
        "return np.minimum(flops, bandwidth / intensity)",
        "more work for a byte is taken to be slower",
    ),
]

MUTANTS = [Mutant(name, "14_profiling", old, new, wrong) for name, old, new, wrong in _MISTAKES]
