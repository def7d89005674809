"""Comprehensions and nested helpers; Linear transposes the input instead of the weight."""

BODIES = {
    "named_tensors": """
        def walk(start, place):
            for name, value in place.members():
                if isinstance(value, Tensor):
                    yield start + name, value
                if isinstance(value, Layer):
                    yield from walk(f"{start}{name}.", value)

        return list(walk(prefix, layer))
    """,
    "uniform_parameter": """
        bound = np.float32(1 / fan_in**0.5)
        return Tensor((_generator.random(shape, dtype=np.float32) * 2 - 1) * bound, True)
    """,
    "Linear.forward": """
        rows = x.reshape(-1, self.in_features)
        answer = (self.weight @ rows.T).T
        if self.bias is not None:
            answer = answer + self.bias.reshape(1, self.out_features)
        return answer.reshape(*x.shape[:-1], self.out_features)
    """,
    "Flatten.forward": """
        count = 1
        for size in x.shape[1:]:
            count *= size
        return x.reshape((x.shape[0], count))
    """,
    "Sequential.forward": """
        from functools import reduce

        return reduce(lambda value, layer: layer(value), self.layers, x)
    """,
    "set_training": """
        layer.training = training
        [set_training(item, training) for _, item in layer.members() if isinstance(item, Layer)]
    """,
    "Dropout.forward": """
        if not self.training:
            return x
        mask = np.ones(x.shape, dtype=x.dtype)
        mask[_generator.random(x.shape) < self.p] = 0
        mask /= mask.dtype.type(1 - self.p)
        return x * Tensor(mask)
    """,
    "load_state_dict": """
        wrong = []
        for name in sorted({*own, *state}):
            if name not in own:
                wrong.append(name + " has no place here")
            elif name not in state:
                wrong.append(name + " was not saved")
            elif own[name].data.shape != state[name].shape:
                wrong.append(f"{name}: {own[name].data.shape} needed, {state[name].shape} saved")
        if wrong:
            raise ValueError("; ".join(wrong))
        for name, array in state.items():
            own[name].data[:] = array
    """,
}
