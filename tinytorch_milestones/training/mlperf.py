"""Recipes of MLPerf, 2018: measure a network, make it small, make it write fast, and prove it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.corpora.counting import bits_per_character
from tinytorch_milestones.corpora.functions import END
from tinytorch_milestones.corpora.stories import stories
from tinytorch_milestones.training import sequences, supervised
from tinytorch_milestones.training.author import Author, Bound, describe
from tinytorch_milestones.training.cached import NEW, SLICES, WARMTH, Raced
from tinytorch_milestones.training.clocks import as_written
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.compared import Bench, kernels
from tinytorch_milestones.training.compressed import Scales, check_row
from tinytorch_milestones.training.deploying import Deployment, arrays, digits, following, stopped
from tinytorch_milestones.training.exercised import Calls
from tinytorch_milestones.training.fitting import View
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.language import Waves
from tinytorch_milestones.training.profiled import Examined
from tinytorch_milestones.training.reading import Reader, Reading
from tinytorch_milestones.training.sequences import Task, settled, windows
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.wordlist import Words

_LEARNING = tuple(name for name in supervised.OPTIONS if name not in ("hidden", "seconds"))
OPTIONS: dict[str, tuple[str, ...]] = {
    "profile": _LEARNING,
    "compress": (*_LEARNING, "units", "zeros"),
    "report": _LEARNING,
    "generate": (*sequences.OPTIONS, "characters"),
}

_PROMPTS = ("One day", "It was a sunny day.", "Rosa had a blue kite.")
_HELD = 30_000  # characters of held-out stories
_SHOWN = 40  # tokens written while it learns
_ASKED = 1000  # digits that a program of the report reads at a time
_BATCHES = (1, 4, 16, 64, 256)  # sizes of which a profile is taken; gates are judged on the last


def profile(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Where the time and the memory of a network go, by the student's own Profiler."""
    run = Deployment(fw, settings, digits(settings), acts=1 + len(_BATCHES))
    run.stages()
    metrics = yield from run.examined()
    if metrics is None:
        return
    judge = Examined(fw)
    with run.counting():
        judge.plant()
    if judge.problem:
        yield stopped(metrics | judge.metrics, judge.problem)
        return
    learner = yield from run.train(run.model, 0, metrics | judge.metrics)
    if not math.isfinite(run.last):
        return
    images = run.problem.held_out.inputs
    judge.take(learner)
    judge.count(images[: _BATCHES[-1]])
    judge.roof()
    run.view = judge.picture
    yield run.act("parameters, FLOPs, memory", judge.metrics, symptom=judge.problem)
    for size in _BATCHES:
        note = judge.time(images[:size])
        yield run.act(note, judge.metrics)


def generate(fw: Framework, settings: Settings) -> Iterator[Step]:
    """A GPT learns to spell stories, then writes with the student's cache and without."""
    settings = settled(settings)
    corpus = stories(settings.whole("characters", 700_000), held_out=_HELD)
    # of what is held out the signs only: a word that is new there is to be spelled
    words = Words.of(corpus.training + "".join(sorted(set(corpus.held_out))))
    shape = Waves.of(
        settings,
        vocab_size=words.vocab_size,
        context_length=288,
        embed_dim=64,
        num_heads=4,
        num_layers=2,
    )
    training, held_out = (
        windows(np.array(words.encode(text)), shape.context_length)
        for text in (corpus.training, corpus.held_out)
    )
    bound = Bound(
        kind="text",
        shape=msgspec.structs.asdict(shape),
        tokenizer=describe(words),
        prompts=_PROMPTS,
        ends=END,
        cached=True,
    )
    asked = len(words.encode(corpus.held_out))
    counted = bits_per_character(corpus.training, corpus.held_out, 3) * math.log(2)
    counted *= len(corpus.held_out) / asked
    task = Task(
        training,
        held_out,
        sequences.design_of(settings),
        shape,
        author=lambda fw, model: Author(fw, model, words, bound, settings.options()),
        characters=len(words.decode(held_out.labels)),
        lines={"trigram of letters": counted},
        picture=partial(_written, words=words, seed=settings.seed),
    )
    yield from _raced(fw, settings, sequences.learn(fw, settings, task), held_out)


def _written(reader: Reader, reading: Reading, words: Words, seed: int) -> View:
    """What it writes so far."""
    samples = []
    for prompt in _PROMPTS[:2]:
        tokens = words.encode(prompt)
        new = reader.model.generate(tokens, _SHOWN, temperature=WARMTH, seed=seed)[len(tokens) :]
        samples.append({"prompt": prompt, "text": words.decode(new), "note": "", "good": None})
    title = "What it writes so far"
    return partial(dict, kind="texts", samples=samples, title=title)


def _raced(
    fw: Framework, settings: Settings, learning: Iterator[Step], held_out: Examples
) -> Iterator[Step]:
    """The steps of learning, and then of writing twice."""
    last: Step | None = None
    loss = math.nan
    for step in learning:
        step.steps += SLICES + 3
        loss = step.metrics.get("held_out", loss)
        last = step
        yield step
    if last is None or last.play is None or not math.isfinite(loss):
        return
    judge, calls = Raced(fw, last.play, settings.seed), Calls(fw)

    def act(note: str, samples: int = 0) -> Step:
        nonlocal last
        assert last is not None
        last = following(last, note, loss)
        last.metrics, last.symptom = dict(judge.metrics), judge.problem
        last.view, last.samples, last.exercised = judge.picture, samples, calls.take()
        return last

    with calls.counting():
        judge.memory()
    judge.logits(held_out.inputs[:2])
    yield act("cached and uncached logits, token by token")
    if judge.problem:
        return  # what is wrong need not be fast
    with as_written(fw):
        for note in judge.race():
            yield act(note, 2 * NEW // SLICES)
        judge.tokens(held_out.inputs[2:4])
        yield act("the same tokens")
        judge.speed()
    rate = judge.metrics["rate.cached"]
    yield act(f"{judge.metrics['cache.speed']:.0f} times as fast, {rate:,.0f} tokens a second")


def compress(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Half the units, then most of the weights, then most of the bits: what is left still reads."""
    run = Deployment(fw, settings, digits(settings), acts=6)
    units, amount = settings.fraction("units", 0.5), settings.fraction("zeros", 0.8)
    run.stages(2, 3)
    metrics = yield from run.examined()
    if metrics is None:
        return
    check_row(fw, run.model)
    scales = Scales(fw, run.problem.held_out)
    try:
        yield from _compressed(fw, run, scales, metrics, units, amount)
    finally:
        scales.close()


def _compressed(
    fw: Framework,
    run: Deployment,
    scales: Scales,
    metrics: dict[str, float],
    units: float,
    amount: float,
) -> Iterator[Step]:
    pruning = fw.module("perf.compression")
    yield from run.train(run.model, 0, metrics)
    if not math.isfinite(run.last):
        return

    def weighed(name: str, model: Any, like: Any = None) -> Step:
        found = scales.weigh(name, model, like)
        run.view = scales.picture
        note = f"{name}: {found.bytes / 1000:,.0f} kB, {found.accuracy:.1%} right"
        if len(scales.weighed) > 1:
            note += f", {found.speed:.2g} times as fast"
        return run.act(
            note,
            scales.metrics,
            loss=found.loss,
            accuracy=found.accuracy,
            symptom=scales.problem,
        )

    yield weighed("float32", run.model)
    before = arrays(fw, run.model)
    with run.counting():
        smaller = pruning.structured_prune(run.model, units)
    scales.cut(run.model, before, smaller, units)
    note = f"{units:.0%} of the hidden units left out"
    yield run.act(note, scales.metrics, symptom=scales.problem)
    if scales.problem:
        return  # with layers that do not fit, what follows would blame others
    yield from run.train(smaller, 1)
    step = weighed("half the units" if units == 0.5 else f"{1 - units:.0%} of the units", smaller)
    step.metrics["faster"] = scales.weighed[-1].speed
    yield step
    before = arrays(fw, smaller)
    with run.counting():
        masks = pruning.magnitude_prune(smaller, amount)
    scales.zeros(smaller, before, amount)
    yield run.act(f"{amount:.0%} of the weights set to 0", scales.metrics, symptom=scales.problem)
    yield from run.train(smaller, 2, after=masks.apply)
    scales.held(smaller, amount)
    yield weighed(f"{amount:.0%} zeros", smaller)
    before = arrays(fw, smaller)
    sample = [fw.Tensor(run.training.inputs[:512])]
    with run.counting():
        quantized = fw.quantize_model(smaller, sample)
    step = weighed("int8", quantized, like=smaller)
    scales.rounded(smaller, before, scales.weighed[-1].model)
    scales.totals()
    step.metrics |= scales.metrics
    step.symptom = scales.problem
    yield step


def report(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Four programs that read the same digits, measured by the student's own Benchmark."""
    run = Deployment(fw, settings, digits(settings), acts=2)
    run.stages(1)
    metrics = yield from run.examined()
    if metrics is None:
        return
    check_row(fw, run.model)
    bench = Bench(fw)
    with run.counting():
        bench.plant()
    if bench.problem:
        yield stopped(metrics | bench.metrics, bench.problem)
        return
    yield from run.train(run.model, 0, metrics | bench.metrics)
    if not math.isfinite(run.last):
        return
    with run.counting():
        smaller = fw.module("perf.compression").structured_prune(run.model, 0.5)
    yield from run.train(smaller, 1)
    with run.counting():
        quantized = fw.quantize_model(run.model, [fw.Tensor(run.training.inputs[:512])])
        off, wrong = kernels(fw, run.model, run.training.inputs[:64])
    bench.metrics["agree.kernels"] = off
    yield run.act("the faster kernels", bench.metrics, symptom=bench.problem or wrong)
    yield from _reported(fw, run, bench, {"half the units": smaller, "int8": quantized})


def _reported(
    fw: Framework, run: Deployment, bench: Bench, others: dict[str, Any]
) -> Iterator[Step]:
    """Weigh and measure the model and what became of it; the last step holds the table."""
    scales = Scales(fw, run.problem.held_out)
    x = fw.Tensor(run.problem.held_out.inputs[:_ASKED])
    try:
        models = {"float32": run.model, **others}
        weighed = {name: scales.weigh(name, model) for name, model in models.items()}
    finally:
        scales.close()
    accelerated = fw.module("perf.acceleration").accelerated

    def faster() -> Any:
        with accelerated():
            return run.model(x)

    programs: dict[str, Callable[[], Any]] = {
        name: partial(found.model, x) for name, found in weighed.items()
    }
    with fw.no_grad(), accelerated(False):
        bench.run({**programs, "float32, module 17": faster})
    accuracies = {name: found.accuracy for name, found in weighed.items()}
    bench.metrics["worst"] = min(accuracies.values())
    with run.counting():
        profiles = {
            name: fw.Profiler(model, repeats=1, warmup=0).run(x, backward=False)
            for name, model in models.items()
        }
    rows = []
    for row in bench.comparison.rows:
        name = row.name.partition(",")[0]
        profile = profiles[name]
        counted = all(layer.counted for layer in profile.layers)
        rows.append(
            [
                row.name,
                f"{weighed[name].bytes / 1000:,.0f} kB",
                f"{accuracies[name]:.1%}",
                f"{profile.total_flops / _ASKED / 1e6:.2f}" if counted else "",
                f"{1000 * row.median:.1f} ms",
                "1" if row is bench.comparison.rows[0] else f"{row.ratio:.2f}",
                ""
                if row is bench.comparison.rows[0]
                else f"{row.ratio_low:.2f} to {row.ratio_high:.2f}",
                "" if row.verdict == "baseline" else row.verdict,
            ]
        )
    columns = ["program", "file", "right", "MFLOP", "median", "times as fast", "95 % interval", ""]
    shown = [
        {
            "name": row.name,
            "told": ", ".join(filter(None, (cells[4], cells[1], cells[7]))),
            "ratio": float(row.ratio),
            "low": float(row.ratio_low),
            "high": float(row.ratio_high),
        }
        for row, cells in zip(bench.comparison.rows, rows, strict=True)
    ]
    run.view = partial(
        dict,
        kind="intervals",
        rows=shown,
        table={"columns": columns, "rows": rows},
        title=f"{_ASKED:,} digits read, 21 rounds in turns",
    )
    yield run.act(
        "the table",
        bench.metrics,
        accuracy=accuracies["float32"],
        symptom=bench.problem,
    )
