"""Loops and lists instead of dictionaries and arrays; counts taken term by term; closures, not
`partial`, put back from a stack; calls under way looked through from the outside."""

BODIES = {
    "size_of": """
found, numbers, size = [], 0, 0
for tensor in tensors:
    if not any(tensor is other for other in found):
        found.append(tensor)
        numbers += tensor.size
        size += tensor.size * tensor.data.itemsize
return numbers, size
""",
    "linear_flops": """
rows, outputs = math.prod(y[:-1]), y[-1]
products = sums = rows * outputs * layer.in_features
return products + sums + (0 if layer.bias is None else rows * outputs)
""",
    "conv2d_flops": """
total = 0
for _image in range(y[0]):
    for _kernel in range(y[1]):
        places = y[2] * y[3]
        total += 2 * places * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        if layer.bias is not None:
            total += places
return total
""",
    "attention_flops": """
scores = 2 * b * t * t * dim  # over all heads together
softmax = 6 * b * layer.num_heads * t * t  # and its scale
mixing = scores
return scores + softmax + mixing
""",
    "kept_bytes": """
known = list(seen.values())
for array in arrays_of(node):
    memory = owner(array)
    if all(memory is not other for other in known):
        known.append(memory)
        seen[id(memory)] = memory
        total += memory.size * memory.itemsize
for value in node.inputs:
    earlier = getattr(value, "node", None)
    if earlier is not None:
        waiting.append(earlier)
""",
    "measure": """
for turn in range(-warmup, 0):
    function()
found = []
while len(found) < repeats:
    looks = [clock()]
    function()
    looks.append(clock())
    found.append(looks[1] - looks[0])
return np.array(found, dtype=np.float64)
""",
    "watched": """
def replaced(name, usual):
    def forward(*inputs, **options):
        return around(name, usual, *inputs, **options)

    return forward

try:
    for name, layer in layers:
        setattr(layer, "forward", replaced(name, layer.forward))
    yield
finally:
    while before:
        layer, forward = before.pop()
        if forward is None:
            del vars(layer)["forward"]
        else:
            vars(layer)["forward"] = forward
""",
    "own_seconds": """
inner = np.zeros_like(seconds)
for call in range(len(parents)):
    if parents[call] != -1:
        inner[parents[call]] += seconds[call]
return seconds - inner
""",
    "backward_seconds": """
for started, _ in list(under_way):
    if not inside(call, started, parents):
        since = dict(under_way)[started]
        seconds[started] = [stamp[0] - since[0], stamp[1] - since[1]]
        under_way = [pair for pair in under_way if pair[0] != started]
if entering:
    under_way = [*under_way, (call, stamp)]
elif call in dict(under_way):
    since = dict(under_way)[call]
    seconds[call] = [stamp[0] - since[0], stamp[1] - since[1]]
    under_way = [pair for pair in under_way if pair[0] != call]
""",
    "attainable": """
slope = np.asarray(intensity) * bandwidth
return np.where(slope < flops, slope, flops)
""",
}
