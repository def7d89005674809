"""Explicit stacks instead of recursion, sums of columns instead of one product."""

BODIES = {
    "named_tensors": """
        found = []
        waiting = [(prefix + name, value) for name, value in reversed(layer.members())]
        while waiting:
            name, value = waiting.pop()
            if isinstance(value, Tensor):
                found.append((name, value))
            elif isinstance(value, Layer):
                inner = value.members()
                waiting += [(f"{name}.{part}", item) for part, item in reversed(inner)]
        return found
    """,
    "uniform_parameter": """
        width = 2 * fan_in**-0.5
        start = _generator.random(shape) - 0.5
        return Tensor(np.array(start * width, dtype="float32"), requires_grad=True)
    """,
    "Linear.forward": """
        if self.bias is None:
            return x @ self.weight.transpose(0, 1)
        return self.bias + x @ self.weight.transpose(0, 1)
    """,
    "Flatten.forward": """
        return x.reshape(len(x), -1) if x.size else x.reshape(x.shape[0], int(np.prod(x.shape[1:])))
    """,
    "Sequential.forward": """
        value = x
        for number in range(len(self.layers)):
            value = self.layers[number](value)
        return value
    """,
    "set_training": """
        waiting = [layer]
        while waiting:
            current = waiting.pop()
            current.training = bool(training)
            waiting += [item for _, item in current.members() if isinstance(item, Layer)]
    """,
    "Dropout.forward": """
        if self.training is False or self.p <= 0:
            return x
        keep = 1 - self.p
        mask = np.floor(_generator.random(x.shape) + keep) / keep
        return Tensor(mask.astype(x.dtype)) * x
    """,
    "state_dict": """
        state = {}
        for name, tensor in named_tensors(layer):
            state[name] = np.array(tensor.data, copy=True)
        return state
    """,
    "load_state_dict": """
        missing = sorted(set(own) - set(state))
        unexpected = sorted(set(state) - set(own))
        shapes = [n for n in own if n in state and np.shape(state[n]) != own[n].shape]
        if missing or unexpected or shapes:
            words = [f"missing {missing}"] * bool(missing)
            words += [f"unexpected {unexpected}"] * bool(unexpected)
            words += [f"{n}: {np.shape(state[n])} instead of {own[n].shape}" for n in shapes]
            raise ValueError("cannot load, " + ", ".join(words))
        for name in state:
            np.copyto(own[name].data, state[name], casting="unsafe")
    """,
}
