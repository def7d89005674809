"""A small GPT: a step against torch, generation, and Shakespeare beside torch.

    python benchmarks/gpt.py step
    python benchmarks/gpt.py generate
    python benchmarks/gpt.py shakespeare [--seconds 180]

`step`: 2 layers, 64 wide, 4 heads, context 64, batch 32, 65 characters, AdamW; ours and torch with
its attention written out, in processes that take turns, in one thread each and with torch's own
choice of threads; then the peak memory of each. `generate`: tokens a second of the student's
`generate`. `shakespeare` (in `TINYTORCH_DATA`, or the user's cache): the same model for so many
seconds, then torch for as many steps from the same weights, on the same batches; held-out bits a
character beside counted pairs and triples.

Torch may be in another interpreter, which `TORCH_PYTHON` names. With ACCELERATED=1 in the
environment ours uses the kernels of module 17.
"""

from __future__ import annotations

import argparse
import atexit
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from peers import HEADER, Measured, accelerated, compare

VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS, BATCH = 65, 64, 64, 4, 2, 32
RATE, DECAY, BETAS, CLIP = 3e-3, 0.01, (0.9, 0.99), 1.0
STEPS = 10  # a measurement
# of our time for a step / torch's
TARGET = 1.2 if accelerated() else 1.5
HELD_OUT = 0.1  # of Shakespeare, the last part
RISE = 100  # steps in which the rate rises


def reference() -> Any:
    """The reference implementation, imported and kept."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from threadpoolctl import threadpool_limits

    from tinytorch_milestones.training.implementation import Implementation

    active = Implementation.reference(accelerated()).active()
    fw = active.__enter__()
    atexit.register(active.__exit__, None, None, None)
    threadpool_limits(1, "blas")
    return fw


def _batch() -> tuple[Any, Any]:
    import numpy as np

    tokens = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, CONTEXT + 1))
    return np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])


class Ours:
    """The student's GPT and how it is trained, one step at a time."""

    def __init__(self, vocabulary: int) -> None:
        self.fw = fw = reference()
        fw.manual_seed(0)
        self.model = fw.GPT(vocabulary, CONTEXT, WIDTH, HEADS, LAYERS)
        self.optimizer = fw.AdamW(self.model.parameters(), RATE, BETAS, weight_decay=DECAY)
        self._loss = fw.CrossEntropyLoss()

    def step(self, tokens: Any, targets: Any, rate: float = RATE) -> float:
        self.optimizer.lr = rate
        self.optimizer.zero_grad()
        logits = self.model(self.fw.Tensor(tokens))
        loss = self._loss(logits, self.fw.Tensor(targets))
        loss.backward()
        self.fw.module("core.training").clip_grad_norm(self.model.parameters(), CLIP)
        self.optimizer.step()
        return float(loss.item())

    def nats(self, tokens: Any, targets: Any) -> float:
        with self.fw.no_grad():
            logits = self.model(self.fw.Tensor(tokens))
            return float(self._loss(logits, self.fw.Tensor(targets)).item())


class Theirs:
    """The same in torch."""

    def __init__(self, vocabulary: int) -> None:
        import torch
        from torch_gpt import GPT

        torch.manual_seed(0)
        self._torch = torch
        self.model = GPT(vocabulary, CONTEXT, WIDTH, HEADS, LAYERS)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=RATE, betas=BETAS, weight_decay=DECAY
        )

    def _surprise(self, tokens: Any, targets: Any) -> Any:
        torch = self._torch
        logits = self.model(torch.from_numpy(tokens))
        rows, wanted = logits.view(-1, logits.shape[-1]), torch.from_numpy(targets).view(-1)
        return torch.nn.functional.cross_entropy(rows, wanted)

    def step(self, tokens: Any, targets: Any, rate: float = RATE) -> float:
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        loss = self._surprise(tokens, targets)
        loss.backward()
        self._torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return float(loss.item())

    def nats(self, tokens: Any, targets: Any) -> float:
        with self._torch.no_grad():
            return float(self._surprise(tokens, targets).item())


def _steps(learner: Any) -> Measured:
    tokens, targets = _batch()

    def steps() -> float:
        begin = time.perf_counter()
        for _ in range(STEPS):
            learner.step(tokens, targets)
        return (time.perf_counter() - begin) / STEPS

    return steps


def torch_thread() -> Measured:
    """torch in one thread."""
    import torch

    torch.set_num_threads(1)
    return _steps(Theirs(VOCABULARY))


WORK = {
    "tinytorch": lambda: _steps(Ours(VOCABULARY)),
    "torch, one thread": torch_thread,
    "torch": lambda: _steps(Theirs(VOCABULARY)),
}


def _python(name: str) -> str:
    return os.environ.get("TORCH_PYTHON", sys.executable) if "torch" in name[:5] else sys.executable


def _environment() -> dict[str, str]:
    """As the product starts a process that trains; torch finds this folder's project, too."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    try:
        from tinytorch_milestones.speed import environment
    except ImportError:
        return {**os.environ, "PYTHONPATH": path}
    return {**os.environ, **environment(), "PYTHONPATH": path}


def _ask(python: str, *arguments: str) -> dict[str, Any]:
    """What this file, started again with these arguments, prints in its last line."""
    command = [python, str(Path(__file__).resolve()), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=_environment())
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _peak() -> float:
    """The most memory this process has held, in MB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def step() -> None:
    """A step beside torch's, in time and in memory."""
    os.environ.update(_environment())
    print(HEADER)
    for figure in compare(__file__, "GPT step, 32 x 64 tokens", rounds=15, target=TARGET):
        print(figure.row(), flush=True)
    print("\n| peak memory (MB) | " + " | ".join(WORK) + " |\n|---|" + "---|" * len(WORK))
    peaks = [_ask(_python(name), "--peak", name)["peak"] for name in WORK]
    print("| GPT step | " + " | ".join(f"{value:.0f}" for value in peaks) + " |")


def generate(count: int = 200) -> None:
    """Tokens a second of `generate`, within the context and beyond it."""
    model = Ours(VOCABULARY).model
    print("| generate | tokens a second |\n|---|---|")
    for name, start, new in (
        ("from 1 token to a full context", 1, CONTEXT - 1),
        ("with a full context", CONTEXT, count),
    ):
        prompt = [number % VOCABULARY for number in range(start)]
        model.generate(prompt, 5, seed=0)
        begin = time.perf_counter()
        model.generate(prompt, new, seed=0)
        print(f"| {name} | {new / (time.perf_counter() - begin):,.0f} |", flush=True)


class Shakespeare:
    """Tiny Shakespeare as characters: batches to learn from, the last tenth held out."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        text = (folder / "tinyshakespeare.txt").read_text(encoding="utf-8")
        place = int(len(text) * (1 - HELD_OUT))
        self.training, self.held_out = text[:place], text[place:]
        numbers = {character: number for number, character in enumerate(sorted(set(text)))}
        self.vocabulary = len(numbers)
        self._tokens = np.array([numbers[character] for character in text])
        self._place = place

    def train(self, learner: Any, steps: int, progress: Any = None) -> list[float]:
        """The loss of every step; the same batches and rates for every learner."""
        import numpy as np

        rng = np.random.default_rng(1)
        losses = []
        for number in range(steps):
            first = rng.integers(0, self._place - CONTEXT - 1, BATCH)[:, None] + np.arange(CONTEXT)
            rate = RATE * min(1.0, (number + 1) / RISE)
            rate *= 0.05 + 0.95 * (1 + math.cos(math.pi * number / steps)) / 2
            losses.append(learner.step(self._tokens[first], self._tokens[first + 1], rate))
            if progress and (number + 1) % 500 == 0:
                progress(number + 1, sum(losses[-100:]) / 100)
        return losses

    def bits(self, learner: Any) -> float:
        """Bits a character of the held-out part, in windows of the context."""
        import numpy as np

        held = self._tokens[self._place :]
        count = (len(held) - 1) // CONTEXT
        tokens = held[: count * CONTEXT].reshape(count, CONTEXT)
        targets = held[1 : count * CONTEXT + 1].reshape(count, CONTEXT)
        parts = [slice(i, i + 64) for i in range(0, count, 64)]
        nats = [learner.nats(tokens[p], targets[p]) * len(tokens[p]) for p in parts]
        return float(np.sum(nats)) / count / math.log(2)


def _shakespeare_one(arguments: argparse.Namespace) -> None:
    """One learner's run, in this process."""
    import numpy as np

    data = Shakespeare(Path(arguments.folder))
    weights, ours = Path(arguments.weights), arguments.one == "tinytorch"
    learner: Any = Ours(data.vocabulary) if ours else Theirs(data.vocabulary)
    steps = arguments.steps
    if ours:
        start = learner.model.state_dict()
        np.savez(weights, **start)
        if not steps:
            data.train(learner, 20)
            begin = time.perf_counter()
            data.train(learner, 40)
            steps = int(arguments.seconds / ((time.perf_counter() - begin) / 40))
            learner = Ours(data.vocabulary)
            learner.model.load_state_dict(start)
    else:
        import torch

        torch.set_num_threads(1)  # as ours
        with np.load(weights) as kept:
            learner.model.take(dict(kept))
    begin, used = time.perf_counter(), time.process_time()
    losses = data.train(
        learner, steps, lambda n, loss: print(f"  {n} {loss:.3f}", file=sys.stderr, flush=True)
    )
    wall, cpu = time.perf_counter() - begin, time.process_time() - used
    found = {"steps": steps, "wall": wall, "cpu": cpu, "bits": data.bits(learner)}
    print(json.dumps({**found, "first": losses[0], "peak": _peak()}))


def shakespeare(seconds: float, steps: int) -> None:
    """Ours for so many seconds, torch for as many steps."""
    from tinytorch_milestones.corpora.counting import bits_per_character
    from tinytorch_milestones.data import data_folder

    folder = data_folder("shakespeare")
    data = Shakespeare(folder)
    runs = {}
    with tempfile.TemporaryDirectory() as temporary:
        weights = str(Path(temporary) / "weights.npz")
        for name in ("tinytorch", "torch"):
            given = ["--one", name, "--folder", str(folder), "--weights", weights]
            given += ["--seconds", str(seconds), "--steps", str(steps)]
            runs[name] = _ask(_python(name), "shakespeare", *given)
            steps = runs[name]["steps"]
    print("| Tiny Shakespeare, 2 layers, 64 wide | bits a character | steps | wall | CPU | peak |")
    print("|---|---|---|---|---|---|")
    for name, order in (("bigram", 2), ("trigram", 3)):
        counted = bits_per_character(data.training, data.held_out, order)
        print(f"| counted {name} | {counted:.3f} | | | | |")
    for name, run in runs.items():
        print(
            f"| {name} | {run['bits']:.3f} | {run['steps']:,} | {run['wall']:.0f} s | "
            f"{run['cpu']:.0f} s | {run['peak']:.0f} MB |"
        )
    ratio = runs["tinytorch"]["bits"] / runs["torch"]["bits"]
    print(f"\nours / torch: {ratio:.4f} (within 2 %: {'yes' if abs(ratio - 1) <= 0.02 else 'no'})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = ("step", "generate", "shakespeare")
    parser.add_argument("mode", choices=modes, nargs="?", default="step")
    parser.add_argument("--seconds", type=float, default=180.0, help="that ours may train")
    parser.add_argument("--steps", type=int, default=0, help="instead of seconds")
    for hidden in ("--peak", "--one", "--folder", "--weights"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak is not None:
        WORK[chosen.peak]()()
        print(json.dumps({"peak": _peak()}))
    elif chosen.one is not None:
        _shakespeare_one(chosen)
    elif chosen.mode == "step":
        step()
    elif chosen.mode == "generate":
        generate()
    else:
        shakespeare(chosen.seconds, chosen.steps)


if __name__ == "__main__":
    main()
