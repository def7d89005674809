"""Mistakes in `core/optimizers.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_COUNT = '            state["step"] += 1\n'
_UPDATE = "            optimizer.update(parameter.data, parameter.grad, state)\n"
_SLOTS = "for name in slots}\n            for parameter in self.parameters"
_DECAY = "        values *= 1 - self.lr * self.weight_decay\n"
_ADAPT = "        adapt(values, gradient, state, self.lr, self.betas, self.eps)\n"

_DEFINITIONS = [
    (
        "rebound",
        "values -= lr * direction",
        "values = values - lr * direction",
        "a new array is made, and the model keeps the old one",
    ),
    ("uphill", "values -= lr * direction", "values += lr * direction", "steps uphill"),
    (
        "rate-forgotten",
        "values -= lr * direction",
        "values -= direction",
        "the learning rate has no effect",
    ),
    (
        "zero-grad-missing",
        "    for parameter in parameters:\n        parameter.grad = None",
        "    pass",
        "gradients of all steps pile up",
    ),
    (
        "zero-grad-first-only",
        "    for parameter in parameters:\n        parameter.grad = None",
        "    for parameter in parameters[:1]:\n        parameter.grad = None",
        "only the first parameter's gradient is forgotten",
    ),
    (
        "zero-grad-in-place",
        "        parameter.grad = None",
        "        if parameter.grad is not None:\n            parameter.grad[...] = 0",
        "an array that others may hold is overwritten",
    ),
    (
        "last-parameter-skipped",
        "zip(optimizer.parameters, optimizer.state, strict=True)",
        "zip(optimizer.parameters[:-1], optimizer.state, strict=False)",
        "the last parameter is never changed",
    ),
    (
        "ends-at-none",
        "        if parameter.grad is not None:\n            state",
        "        if parameter.grad is None:\n            break\n        else:\n            state",
        "parameters behind one without a gradient are not reached",
    ),
    (
        "idle-steps-counted",
        '        if parameter.grad is not None:\n            state["step"] += 1\n',
        '        state["step"] += 1\n        if parameter.grad is not None:\n',
        "a parameter that was passed over is counted as updated",
    ),
    (
        "counted-afterwards",
        _COUNT + _UPDATE,
        _UPDATE + _COUNT,
        "the first step sees the count 0",
    ),
    (
        "float64-leaks",
        _UPDATE,
        "            parameter.data = parameter.data.astype(np.float64)\n" + _UPDATE,
        "parameters become float64, in arrays that the model does not hold",
    ),
    (
        "state-float64",
        "np.zeros_like(parameter.data)",
        "np.zeros(parameter.shape)",
        "the state is float64 and takes twice the memory",
    ),
    (
        "state-shared",
        _SLOTS + "\n        ]",
        _SLOTS + "[:1]\n        ] * len(self.parameters)",
        "all parameters share one velocity and one count",
    ),
    (
        "velocity-not-stored",
        "    velocity *= momentum\n    velocity += gradient",
        "    velocity = momentum * velocity + gradient",
        "the velocity is zero again in every step",
    ),
    (
        "velocity-undamped",
        "    velocity *= momentum\n",
        "",
        "old gradients are never forgotten",
    ),
    (
        "velocity-averaged",
        "    velocity += gradient",
        "    velocity += (1 - momentum) * gradient",
        "the first velocity is not the gradient, as it is in Adam's average",
    ),
    (
        "gradient-becomes-velocity",
        "    velocity *= momentum\n    velocity += gradient",
        "    gradient += momentum * velocity\n    velocity[...] = gradient",
        "the gradient is changed in place",
    ),
    (
        "nesterov-as-momentum",
        "return gradient + momentum * velocity",
        "return velocity.copy()",
        "Nesterov is plain momentum",
    ),
    (
        "nesterov-full-velocity",
        "return gradient + momentum * velocity",
        "return gradient + velocity",
        "the look ahead is too long",
    ),
    (
        "nesterov-in-place",
        "return gradient + momentum * velocity",
        "velocity *= momentum\n    velocity += gradient\n    return velocity",
        "the look ahead is taken for the velocity",
    ),
    (
        "decay-grows",
        "return gradient + weight_decay * values",
        "return gradient - weight_decay * values",
        "weights are pushed away from zero",
    ),
    (
        "decay-in-place",
        "return gradient + weight_decay * values",
        "gradient += weight_decay * values\n    return gradient",
        "the gradient is changed in place",
    ),
    (
        "decay-absolute",
        "return gradient + weight_decay * values",
        "return gradient + weight_decay * np.sign(values)",
        "small weights are pulled as hard as large ones",
    ),
    (
        "mean-uncorrected",
        "scratch *= lr / (1 - beta1**step)",
        "scratch *= lr",
        "the mean is not corrected for its start at zero",
    ),
    (
        "square-uncorrected",
        "np.multiply(square, 1 / (1 - beta2**step), out=scratch)",
        "scratch[...] = square",
        "the square is not corrected for its start at zero",
    ),
    (
        "betas-swapped",
        "beta1, beta2 = betas\n    mean",
        "beta2, beta1 = betas\n    mean",
        "the mean has the long memory and the square the short one",
    ),
    (
        "eps-inside-root",
        "    np.sqrt(scratch, out=scratch)\n    scratch += eps",
        "    scratch += eps\n    np.sqrt(scratch, out=scratch)",
        "eps counts as its root, ten thousand times as much",
    ),
    ("eps-forgotten", "    scratch += eps\n", "", "a gradient of zero gives 0 / 0"),
    (
        "root-forgotten",
        "    np.sqrt(scratch, out=scratch)\n",
        "",
        "the step is divided by the square of the gradient's size",
    ),
    (
        "square-of-mean",
        "np.multiply(gradient, gradient, out=scratch)",
        "np.multiply(mean, mean, out=scratch)",
        "squares the average, does not average the squares",
    ),
    (
        "gradient-squared-in-place",
        "np.multiply(gradient, gradient, out=scratch)",
        "gradient *= gradient\n    scratch[...] = gradient",
        "the gradient is changed in place",
    ),
    (
        "mean-not-stored",
        "    mean += scratch\n",
        "    mean = mean + scratch\n",
        "the mean is zero again in every step",
    ),
    (
        "corrected-mean-stored",
        "    scratch *= lr / (1 - beta1**step)\n",
        "    mean /= 1 - beta1**step\n    scratch *= lr / (1 - beta1**step)\n",
        "the corrected average is corrected again in the next step",
    ),
    (
        "adamw-coupled",
        _DECAY,
        "        gradient = add_decay(gradient, values, self.weight_decay)\n",
        "AdamW is Adam",
    ),
    (
        "adamw-rate-forgotten",
        "values *= 1 - self.lr * self.weight_decay",
        "values *= 1 - self.weight_decay",
        "the decay does not follow the learning rate",
    ),
    (
        "adamw-grows",
        "values *= 1 - self.lr * self.weight_decay",
        "values *= 1 + self.lr * self.weight_decay",
        "weights grow",
    ),
    (
        "adamw-rebound",
        "values *= 1 - self.lr * self.weight_decay",
        "values = values * (1 - self.lr * self.weight_decay)",
        "the rest of the step changes a copy",
    ),
    (
        "adamw-decays-last",
        _DECAY + _ADAPT,
        _ADAPT + _DECAY,
        "the new step is decayed as well",
    ),
    (
        "count-not-saved",
        'state["step"] = arrays[f"{i}.step"].item()',
        "pass",
        "after loading, Adam believes that it has just begun",
    ),
    (
        "saved-without-copy",
        'saved[f"{i}.{name}"] = np.array(value)',
        'saved[f"{i}.{name}"] = np.asarray(value)',
        "the saved arrays change as training goes on",
    ),
    (
        "first-state-only",
        '    for i, state in enumerate(optimizer.state):\n        state["step"]',
        '    for i, state in enumerate(optimizer.state[:1]):\n        state["step"]',
        "only the first parameter's state is put back",
    ),
    (
        "load-shares",
        'state[name][...] = arrays[f"{i}.{name}"]',
        'state[name] = arrays[f"{i}.{name}"]',
        "training on changes the dictionary that was loaded",
    ),
    (
        "load-forgets-rate",
        '    optimizer.lr = arrays["lr"].item()\n',
        "",
        "the learning rate of a schedule is lost",
    ),
    (
        "load-unchecked",
        "    if problems:\n",
        "    if False:\n",
        "a state that does not fit is half loaded",
    ),
    ("empty-accepted", "    if not found:\n", "    if False:\n", "trains nothing, in silence"),
    (
        "negative-rate-accepted",
        'self.lr = check_setting("lr", lr)',
        "self.lr = lr",
        "a negative lr climbs",
    ),
    (
        "anything-accepted",
        "        if not isinstance(parameter, Tensor):\n",
        "        if False:\n",
        "arrays and layers pass for parameters",
    ),
    (
        "rows-as-parameters",
        "    if isinstance(parameters, Tensor):",
        "    if False:",
        "a single Tensor is taken apart into rows, which are trained in its place",
    ),
    (
        "shapes-unchecked",
        "        check_gradients(self.parameters)\n",
        "",
        "a gradient of another shape is broadcast",
    ),
]

MUTANTS = [Mutant(name, "07_optimizers", old, new, wrong) for name, old, new, wrong in _DEFINITIONS]
