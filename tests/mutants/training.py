"""Mistakes in `core/training.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_DEFINITIONS = [
    (
        "zero-grad-missing",
        "    optimizer.zero_grad()\n",
        "",
        "the gradients of all steps pile up",
    ),
    (
        "zero-grad-after-backward",
        (
            "    optimizer.zero_grad()\n    loss = loss_fn(model(*inputs), targets)\n"
            '    value = require_finite("the loss", loss.item())\n    loss.backward()\n'
        ),
        (
            "    loss = loss_fn(model(*inputs), targets)\n"
            '    value = require_finite("the loss", loss.item())\n    loss.backward()\n'
            "    optimizer.zero_grad()\n"
        ),
        "the gradients are cleared just before they are needed",
    ),
    (
        "gradients-thrown-away",
        "    optimizer.step()\n    return value, norm\n",
        "    optimizer.step()\n    optimizer.zero_grad()\n    return value, norm\n",
        "whoever watches a step finds no gradients",
    ),
    (
        "backward-missing",
        "    loss.backward()\n",
        "",
        "there are no gradients and nothing is learned",
    ),
    (
        "step-missing",
        "    optimizer.step()\n    return value, norm\n",
        "    return value, norm\n",
        "the weights never move",
    ),
    (
        "nan-unnoticed",
        'value = require_finite("the loss", loss.item())',
        "value = loss.item()",
        "a loss that is not a number ruins every weight",
    ),
    (
        "clip-after-update",
        (
            "    if max_norm is not None:\n"
            '        norm = require_finite("the gradients\' norm", '
            "clip_grad_norm(model.parameters(), max_norm))\n"
            "    optimizer.step()\n"
        ),
        (
            "    optimizer.step()\n"
            "    if max_norm is not None:\n"
            '        norm = require_finite("the gradients\' norm", '
            "clip_grad_norm(model.parameters(), max_norm))\n"
        ),
        "gradients are shortened when they have been used",
    ),
    (
        "clip-never",
        "    if max_norm is not None:\n",
        "    if False:\n",
        "max_norm has no effect",
    ),
    (
        "first-input-only",
        "loss_fn(model(*inputs), targets)\n    value",
        "loss_fn(model(inputs[0]), targets)\n    value",
        "a model with two inputs cannot be trained",
    ),
    (
        "dropout-while-measuring",
        "    model.eval()\n    try:",
        "    try:",
        "evaluate leaves dropout on",
    ),
    (
        "recorded-while-measuring",
        "        with no_grad():\n            for *inputs",
        "        if True:\n            for *inputs",
        "evaluate records what nobody will go back through",
    ),
    (
        "eval-mode-left-on",
        "        if was_training:\n            model.train()\n",
        "        pass\n",
        "after evaluate the model trains on in eval mode",
    ),
    (
        "train-mode-forced",
        "        if was_training:\n            model.train()\n",
        "        model.train()\n",
        "a model in use is switched to training by measuring it",
    ),
    (
        "mode-back-only-when-all-went-well",
        "    finally:\n        if was_training:\n            model.train()\n",
        (
            "    except ZeroDivisionError:\n        pass\n    else:\n"
            "        if was_training:\n            model.train()\n"
        ),
        "after an error the model stays in eval mode",
    ),
    (
        "mean-of-batch-means",
        (
            "loss += loss_fn(outputs, targets).item() * targets.size\n"
            "                right += count_right(outputs, targets)\n"
            "                count += targets.size"
        ),
        (
            "loss += loss_fn(outputs, targets).item()\n"
            "                right += count_right(outputs, targets) / targets.size\n"
            "                count += 1"
        ),
        "a small last batch counts as much as a full one",
    ),
    (
        "examples-not-tokens",
        "                count += targets.size",
        "                count += len(targets)",
        "targets with two axes are counted by their rows",
    ),
    (
        "wrong-axis",
        "outputs.data.argmax(axis=-1) == targets.data",
        "outputs.data.argmax(axis=1) == targets.data",
        "the answer to a sequence is looked for over its places, not over the classes",
    ),
    (
        "cosine-upside-down",
        "return end + (start - end) * (1 + math.cos",
        "return start + (end - start) * (1 + math.cos",
        "start and end are exchanged",
    ),
    (
        "cosine-whole-turn",
        "math.cos(math.pi * progress)) / 2",
        "math.cos(2 * math.pi * progress)) / 2",
        "the rate is back at the top in the end",
    ),
    (
        "cosine-turns-around",
        "    progress = min(max(progress, 0.0), 1.0)\n",
        "",
        "after the last step the rate goes up again",
    ),
    (
        "linear-not-cosine",
        "return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2",
        "return end + (start - end) * (1 - progress)",
        "the rate falls along a straight line",
    ),
    (
        "schedule-one-ahead",
        "        self.steps += 1\n        self.optimizer.lr = self.lr_at(self.steps)\n",
        "        self.steps += 1\n        self.optimizer.lr = self.lr_at(self.steps + 1)\n",
        "every rate comes one step early",
    ),
    (
        "schedule-one-behind",
        "        self.steps += 1\n        self.optimizer.lr = self.lr_at(self.steps)\n",
        "        self.optimizer.lr = self.lr_at(self.steps)\n        self.steps += 1\n",
        "every rate comes one step late",
    ),
    (
        "one-cycle-never-at-its-top",
        "along_cosine(self.start_lr, self.max_lr, step / self.peak)",
        "along_cosine(self.start_lr, self.max_lr, step / self.total_steps)",
        "the way up is cut off long before the top",
    ),
    (
        "one-cycle-never-at-its-end",
        "(step - self.peak) / (last - self.peak)",
        "(step - self.peak) / (last + 1 - self.peak)",
        "the last step has not the last rate: off by one",
    ),
    (
        "one-cycle-down-from-zero",
        "(step - self.peak) / (last - self.peak)",
        "step / last",
        "the way down begins in the middle: the rate jumps at the top",
    ),
    (
        "one-cycle-end-of-the-maximum",
        "self.end_lr = self.start_lr / final_div_factor",
        "self.end_lr = max_lr / final_div_factor",
        "the end is counted from the top, not from the beginning",
    ),
    (
        "one-cycle-begins-late",
        "        optimizer.lr = self.lr_at(0)\n",
        "",
        "the first step uses the optimizer's own rate",
    ),
    (
        "each-clipped-alone",
        "            parameter.grad = parameter.grad * scale\n",
        (
            "            own = float(np.linalg.norm(parameter.grad))\n"
            "            parameter.grad = parameter.grad * min(1.0, max_norm / (own + 1e-6))\n"
        ),
        "each gradient is shortened by itself, which changes the direction",
    ),
    (
        "clip-makes-longer",
        "if max_norm < total < math.inf:",
        "if 0 < total < math.inf:",
        "short gradients are stretched to the limit",
    ),
    (
        "clip-in-place",
        "parameter.grad = parameter.grad * scale",
        "parameter.grad *= scale",
        "an array that someone else holds is changed",
    ),
    (
        "clip-sum-of-norms",
        "total = math.sqrt(sum(float(np.vdot(p.grad, p.grad)) for p in held))",
        "total = sum(float(np.linalg.norm(p.grad)) for p in held)",
        "norms are added instead of squares",
    ),
    (
        "clip-float64",
        "parameter.grad * scale",
        "parameter.grad * np.float64(scale)",
        "gradients become float64",
    ),
    (
        "clip-tells-the-norm-after",
        "            parameter.grad = parameter.grad * scale\n    return total\n",
        "            parameter.grad = parameter.grad * scale\n    return min(total, max_norm)\n",
        "the norm before clipping is lost",
    ),
    (
        "train-mode-never",
        "        trainer.model.train()\n        for batch",
        "        for batch",
        "a model that was measured trains on without dropout",
    ),
    (
        "train-mode-only-once",
        "    for epoch in range(1, epochs + 1):\n        trainer.model.train()\n",
        "    trainer.model.train()\n    for epoch in range(1, epochs + 1):\n",
        "a model that was looked at between epochs stays in eval mode",
    ),
    (
        "rate-of-the-next-step",
        (
            "            lr = trainer.optimizer.lr\n"
            "            loss, norm = trainer.train_step(*batch)\n"
        ),
        (
            "            loss, norm = trainer.train_step(*batch)\n"
            "            lr = trainer.optimizer.lr\n"
        ),
        "a step reports the rate of the one after it",
    ),
    (
        "steps-counted-per-epoch",
        "            number += 1\n",
        "            number = number % len(loader) + 1\n",
        "the number of the step starts again in every epoch",
    ),
    (
        "not-a-generator",
        "            yield TrainingStep(epoch, number, steps, loss, len(batch[-1]), lr, norm)\n",
        (
            "            made = [] if number == 1 else made\n"
            "            made.append(\n"
            "                TrainingStep(epoch, number, steps, loss, len(batch[-1]), lr, norm)\n"
            "            )\n"
            "    yield from made if steps else []\n"
        ),
        "all steps are made before the first is handed out",
    ),
    (
        "epochs-uncounted",
        "                trainer.epochs_done += 1\n",
        "                pass\n",
        "nobody knows how many epochs are done",
    ),
    (
        "epoch-counted-late",
        (
            "            if number == epoch * len(loader):\n"
            "                trainer.epochs_done += 1\n"
            "            yield TrainingStep(epoch, number, steps, loss, len(batch[-1]), lr, norm)\n"
        ),
        (
            "            yield TrainingStep(epoch, number, steps, loss, len(batch[-1]), lr, norm)\n"
            "        trainer.epochs_done += 1\n"
        ),
        "a checkpoint saved with the last step of an epoch does not count that epoch",
    ),
    (
        "scheduler-never",
        "            self.scheduler.step()\n        return found",
        "            pass\n        return found",
        "the learning rate never changes",
    ),
    (
        "scheduler-per-epoch",
        "                trainer.epochs_done += 1\n",
        (
            "                trainer.epochs_done += 1\n"
            "                if trainer.scheduler is not None:\n"
            "                    trainer.scheduler.step()\n"
        ),
        "the schedule is stepped at the end of each epoch as well",
    ),
    (
        "state-without-optimizer",
        '        "optimizer": trainer.optimizer.state_dict(),\n',
        '        "optimizer": {},\n',
        "velocity and averages are lost",
    ),
    (
        "state-without-scheduler",
        '"scheduler": None if scheduler is None else scheduler.state_dict()',
        '"scheduler": None',
        "the schedule starts again",
    ),
    (
        "state-without-step-count",
        '        "epochs_done": trainer.epochs_done,\n',
        '        "epochs_done": 0,\n',
        "the count of epochs starts again",
    ),
    (
        "restored-without-optimizer",
        '    trainer.optimizer.load_state_dict(state["optimizer"])\n',
        "",
        "velocity, averages and step count are not put back",
    ),
    (
        "restored-without-dropout",
        '    layers._generator.bit_generator.state = state["random"]\n',
        "",
        "dropout goes on with other random numbers",
    ),
    (
        "restored-without-scheduler",
        '        trainer.scheduler.load_state_dict(state["scheduler"])\n',
        "        pass\n",
        "the schedule is not put back",
    ),
    (
        "restored-without-epochs",
        '    trainer.epochs_done = state["epochs_done"]\n',
        "",
        "the count of epochs is not put back",
    ),
    (
        "half-restored",
        "        put_back(trainer, before)\n",
        "",
        "a refused checkpoint leaves the trainer half changed",
    ),
    (
        "written-in-place",
        "        os.replace(temporary, path)\n",
        "        path.write_bytes(temporary.read_bytes())\n",
        "the good file is overwritten, not replaced",
    ),
    (
        "opened-at-once",
        '    temporary = path.with_name(path.name + ".part")\n',
        "    temporary = path\n",
        "the good file is emptied before the new one is whole",
    ),
    (
        "left-lying-about",
        "        temporary.unlink(missing_ok=True)\n",
        "        pass\n",
        "a save that failed leaves half a file behind",
    ),
    (
        "suffix-added",
        "    path = Path(path)\n    arrays = pack(state)\n",
        '    path = Path(path).with_suffix(".npz")\n    arrays = pack(state)\n',
        "the file is not where it was asked to be",
    ),
]

MUTANTS = [Mutant(name, "08_training", old, new, wrong) for name, old, new, wrong in _DEFINITIONS]
_STEP = """    optimizer.zero_grad()
    loss = loss_fn(model(*inputs), targets)
    value = require_finite("the loss", loss.item())
    loss.backward()
    norm = None
"""
MUTANTS += [
    Mutant(
        "step-before-backward",
        "08_training",
        _STEP,
        _STEP.removeprefix("    optimizer.zero_grad()\n").replace(
            "    loss.backward()\n", "    optimizer.step()\n    loss.backward()\n"
        ),
        "each update is made with the gradients of the batches before",
    ),
    Mutant(
        "state-shared",
        "08_training",
        "    return copy.deepcopy(state)\n",
        '    state["model"] = {name: t.data for name, t in layers.named_tensors(trainer.model)}\n'
        "    return state\n",
        "a state in memory changes as training goes on",
    ),
]
