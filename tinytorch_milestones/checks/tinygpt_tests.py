"""Checkpoint 14, its part on `tinygpt.py`: one thing that learns, writes, travels and watches.

`TinyGPT` is used, and `save_tensors` and `load_tensors` beside it. The oracles are the format's own
description, read with `struct` and `json`; the model itself, asked token by token; and `hashlib`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TEXT = "the cat sat on the mat, and the dog sat by the door. one day the cat ran. " * 6
OTHER = "THE 7 DOGS! RAN? 42 + 42 = 84; WHO? " * 6


def _student() -> Any:
    return import_module("tinytorch.tinygpt")


def _gpt(student: Any, **options: Any) -> Any:
    sizes = {"context_length": 8, "embed_dim": 16, "num_heads": 2, "num_layers": 1}
    return student.TinyGPT(TEXT, **{**sizes, "vocab_size": 272, "seed": 3, **options})


def _stirred(gpt: Any, seed: int = 0, spread: float = 0.3) -> Any:
    """The same with every parameter moved, as if it had been trained."""
    rng = np.random.default_rng(seed)
    for parameter in gpt.model.parameters():
        parameter.data += rng.normal(0, spread, size=parameter.shape).astype(np.float32)
    return gpt


def _trained(student: Any, epochs: int = 1, **options: Any) -> Any:
    gpt = _gpt(student, **options)
    for _ in gpt.fit(TEXT, epochs=epochs, batch_size=8):
        pass
    return gpt


def _refusal(action: Callable[[], object]) -> str:
    """What a ValueError of `action` says; "" when there was none."""
    try:
        action()
    except ValueError as error:
        return str(error) or "(no reason)"
    return ""


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _inside(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def _file(header: object, body: bytes, length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _entry(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def file() -> None:
    """What is written, taken apart as the format's description says; then read again."""
    student = _student()
    rng = np.random.default_rng(2011)
    arrays: dict[str, Any] = {
        "layer.weight": rng.normal(size=(4, 3)).astype(np.float32).T,
        "layer.codes": rng.integers(-128, 128, size=(3, 5), dtype=np.int8),
        "count": np.array(-5, dtype=np.int64),
        "half": rng.normal(size=3).astype(np.float16),
        "swapped": np.arange(4, dtype=">f4"),
        "nothing": np.zeros((0, 3), dtype=np.float32),
    }
    kinds = {"layer.weight": "F32", "layer.codes": "I8", "count": "I64", "half": "F16"}
    with _folder() as folder:
        student.save_tensors(folder / "a.safetensors", arrays, {"who": "ü"})
        data = (folder / "a.safetensors").read_bytes()
        back = student.load_tensors(folder / "a.safetensors")
    (length,) = struct.unpack("<Q", data[:8])
    fits = length % 8 == 0 and length <= len(data) - 8
    assert fits, (
        f"the first 8 bytes announce a header of {length} bytes: expected a multiple of 8 that the "
        f"file of {len(data)} bytes has room for"
    )
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__", None) == {"who": "ü"}, "the metadata are not in the header"
    assert set(header) == set(arrays), f"expected {sorted(arrays)}, got {sorted(header)}"
    body, used = data[8 + length :], 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        array = arrays[name]
        assert begin == used, f"{name} begins at {begin}, where {used} bytes were used before"
        assert begin % array.itemsize == 0, (
            f"{name} begins at byte {begin}, which is no multiple of {array.itemsize}: the largest "
            "numbers come first"
        )
        assert entry["shape"] == list(array.shape), f"{name}: got the shape {entry['shape']}"
        assert entry["dtype"] == kinds.get(name, "F32"), f"{name}: got the dtype {entry['dtype']}"
        rows = np.array(array, order="C").astype(array.dtype.newbyteorder("<"))
        assert body[begin:end] == rows.tobytes(), f"{name}: other bytes than its numbers', by row"
        used = end
    assert used == len(body), f"{len(body)} bytes follow the header, and {used} belong to tensors"
    for name, array in arrays.items():
        got = back[name]
        kind = f"{array.dtype.newbyteorder('=')}{array.shape}"
        assert f"{got.dtype}{got.shape}" == kind, f"{name}: expected {kind}, got {got.dtype}"
        assert np.array_equal(got, array), f"{name}: expected {array}, got {got}"
        assert got.flags.writeable, f"{name} cannot be written to"


def hostile() -> None:
    """Files that are not what they claim to be: each refused, in words."""
    student = _student()
    eight = np.arange(8, dtype="<f4").tobytes()
    fine = _file({"z": _entry(8, 32, [3, 2]), "a": _entry(0, 8, [2])}, eight)
    whole = {"a": _entry(0, 32, [8])}
    cases = {
        "three bytes": b"abc",
        "a header longer than the file": _file(whole, eight, 10**15),
        "a header one byte longer than the file": _file({}, b"", 3),
        "a header that stops too early": _file(whole, eight, 9),
        "a body that was cut off": _file(whole, eight[:-1]),
        "bytes behind the last tensor": _file(whole, eight + b"\0"),
        "bytes before the first tensor": _file({"a": _entry(4, 32, [7])}, eight),
        "overlapping tensors": _file({"a": _entry(0, 20, [5]), "b": _entry(16, 32, [4])}, eight),
        "a gap between tensors": _file({"a": _entry(0, 8, [2]), "b": _entry(12, 32, [5])}, eight),
        "fewer bytes than its shape needs": _file({"a": _entry(0, 32, [3, 3])}, eight),
        "more bytes than its shape needs": _file({"a": _entry(0, 32, [7])}, eight),
        "a dtype that numpy does not have": _file({"a": _entry(0, 32, [16], "BF16")}, eight),
    }
    with _folder() as folder:
        path = folder / "x.safetensors"
        path.write_bytes(fine)
        got = student.load_tensors(path)
        assert np.array_equal(got["z"], np.arange(2.0, 8).reshape(3, 2)), f"z came as {got['z']}"
        for what, data in cases.items():
            path.write_bytes(data)
            assert _refusal(lambda: student.load_tensors(path)), (
                f"a file with {what} was read: expected a ValueError that says what is wrong"
            )


def learns() -> None:
    """It learns what comes next, each token of the text, and the same again from the same seed."""
    student = _student()
    text = TEXT[:141]  # its last piece ends where the text does
    gpt = _gpt(student, vocab_size=None)
    tokens = gpt.tokenizer.encode(text)
    seen: set[tuple[int, ...]] = set()
    forward, pairs = type(gpt.model).forward, []

    def watched(model: Any, inputs: Any) -> Any:
        if model is gpt.model:
            pairs.append(np.array(getattr(inputs, "data", inputs)))
        return forward(model, inputs)

    type(gpt.model).forward = watched
    try:
        steps = list(gpt.fit(text, epochs=14, batch_size=8, lr=0.02))
    finally:
        type(gpt.model).forward = forward
    for batch in pairs:
        assert batch.shape[1] == 8, f"pieces of 8 tokens were expected, got {batch.shape}"
        seen |= {tuple(row) for row in batch.tolist()}
    wanted = {tuple(tokens[s : s + 8]) for s in range(0, len(tokens) - 8, 4)}
    assert seen == wanted, (
        f"{len(tokens)} tokens in pieces of 8, one every 4, each with one token after it: expected "
        f"{len(wanted)} different pieces, got {len(seen)}, of which {len(seen & wanted)} are right"
    )
    orders = [b[0].tolist() for b in pairs[:: max(1, len(pairs) // 14)]]
    assert any(order != orders[0] for order in orders), "each epoch needs an order of its own"
    said = gpt.model.eval()(np.array([tokens[:8]])).data[0].argmax(axis=-1).tolist()
    right = sum(a == b for a, b in zip(said, tokens[1:9], strict=True))
    learned = steps[-1].loss < steps[0].loss / 3 and right >= 4
    assert learned, (
        f"after 14 epochs on one text: the loss went from {steps[0].loss:.2f} to "
        f"{steps[-1].loss:.2f}, and of 8 next tokens {right} are foretold: is the target the token "
        "after the input?"
    )
    other = _gpt(student, vocab_size=None).fit(text, epochs=14, batch_size=8, lr=0.02)
    again = [step.loss for step in other]
    assert again == [step.loss for step in steps], "the same seed must give the same training"
    assert gpt.counts.tolist() == np.bincount(tokens, minlength=len(gpt.counts)).tolist(), (
        "counts should say how often each token was in the training text"
    )


def bits() -> None:
    """Loss, perplexity and bits a character of a text, token by token in float64."""
    student = _student()
    for vocabulary in (None, 280):
        gpt = _stirred(_gpt(student, vocab_size=vocabulary, dropout=0.4))
        text = TEXT[10:75]
        tokens = gpt.tokenizer.encode(text)
        nats = 0.0
        gpt.model.eval()
        for start in range(0, len(tokens) - 1, 8):
            piece = tokens[start : start + 9]
            logits = gpt.model(np.array([piece[:-1]])).data[0].astype(np.float64)
            for row, token in zip(logits, piece[1:], strict=True):
                nats += math.log(float(np.exp(row).sum())) - float(row[token])
        gpt.model.train()
        count = len(tokens) - 1
        letters = len(text) - len(gpt.tokenizer.decode(tokens[:1]))
        expected = {
            "loss": nats / count,
            "perplexity": math.exp(nats / count),
            "bits_per_character": nats / math.log(2) / letters,
        }
        got = gpt.evaluate(text)
        for name, value in expected.items():
            assert math.isclose(got[name], value, rel_tol=1e-4), (
                f"{count} tokens for {letters} characters: expected {name} {value:.4f}, got "
                f"{got[name]:.4f}"
            )


def streams() -> None:
    """What the model itself would write, in pieces that are whole characters."""
    student = _student()
    gpt = _stirred(_gpt(student))
    for prompt in ("the cat", "né"):
        tokens = gpt.tokenizer.encode(prompt)
        for options in ({"temperature": 0}, {"seed": 4}, {"seed": 5, "top_k": 3}):
            written = gpt.model.generate(tokens, 12, **{"temperature": 0.8, **options})
            expected = gpt.tokenizer.decode(written[len(tokens) :])
            pieces = list(gpt.stream(prompt, 12, **options))
            assert "".join(pieces) == expected, (
                f"after {prompt!r}, {options}: the model writes {expected!r}, got {pieces}"
            )
            assert gpt.generate(prompt, 12, **options) == prompt + expected, (
                "generate should give the prompt, and what stream adds to it"
            )
    for tokenizer in (gpt.tokenizer, _gpt(student, vocab_size=None).tokenizer):
        shown = list(student.as_text(tokenizer, tokenizer.encode("a€€")))
        assert shown == ["a", "€", "€"], f"{tokenizer}: expected 'a', two whole signs, got {shown}"


def folder() -> None:
    """Saved and loaded it is the same, in float32 and int8; a failed saving leaves the old one."""
    student = _student()
    gpt = _stirred(_trained(student), spread=0.1)
    gpt.watch(TEXT, window=20)
    with _folder() as home:
        place = home / "new" / "model"
        for model in (gpt, gpt.quantize([TEXT])):
            model.save(place)
            files = _inside(place)
            sums = files.pop("SHA256SUMS", b"").decode()
            lines = [f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in sorted(files)]
            assert set(files) == {"model.safetensors", "tokenizer.json", "README.md"}, sorted(files)
            assert sums == "".join(lines), f"SHA256SUMS: expected\n{''.join(lines)}got\n{sums}"
            loaded = student.TinyGPT.load(place)
            state, got = model.model.state_dict(), loaded.model.state_dict()
            assert {n: (a.dtype, a.tobytes()) for n, a in state.items()} == {
                n: (a.dtype, a.tobytes()) for n, a in got.items()
            }, "the weights came back changed"
            assert loaded.evaluate(TEXT) == model.evaluate(TEXT), "loaded, it scores differently"
            assert loaded.generate("the", 9, seed=1) == model.generate("the", 9, seed=1), (
                "loaded, it writes another text"
            )
            assert loaded.counts.tolist() == model.counts.tolist(), "the counts were lost"
        before = _inside(place)
        replace = os.replace
        for which in (1, 2):
            calls: list[Any] = []

            def failing(*a: Any, which: int = which, calls: list[Any] = calls) -> None:
                calls.append(a)
                if len(calls) == which:
                    raise OSError("the disk was taken away (the check pretends)")
                replace(*a)

            os.replace = failing  # type: ignore[assignment]
            try:
                gpt.save(place)
            except OSError:
                pass
            finally:
                os.replace = replace
            assert _inside(place) == before, (
                f"saving failed at renaming {which}: the version of before must be there, whole, "
                f"and there is {sorted(_inside(place))}"
            )
        left = sorted(path.name for path in place.parent.iterdir())
        assert left == ["model"], f"beside the folder something was left behind: {left}"


def checksums() -> None:
    """Every changed file is found and named; so is one that is missing."""
    student = _student()
    gpt = _trained(student)
    rng = np.random.default_rng(2017)
    with _folder() as home:
        place = gpt.save(home / "model")
        files = _inside(place)
        for name in ("model.safetensors", "tokenizer.json", "README.md"):
            for at in rng.integers(0, len(files[name]), size=4):
                data = bytearray(files[name])
                data[at] ^= 1 << int(rng.integers(8))
                (place / name).write_bytes(data)
                said = _refusal(lambda: student.TinyGPT.load(place))
                assert name in said, (
                    f"one bit of {name} was flipped, at byte {at}: expected a ValueError that "
                    f"names it, got {said or 'a model'!r}"
                )
            (place / name).write_bytes(files[name])
        (place / "README.md").unlink()
        (place / "tokenizer.json").write_bytes(files["tokenizer.json"] + b" ")
        said = _refusal(lambda: student.TinyGPT.load(place))
        assert all(name in said for name in ("README.md", "tokenizer.json")), (
            f"a file is missing and another has changed: both should be named, got {said!r}"
        )
        for name, whole in files.items():
            (place / name).write_bytes(whole)
        student.TinyGPT.load(place)


def drift() -> None:
    """Quiet on usual text, an alarm on another kind; the measure and its threshold, by a loop."""
    student = _student()
    gpt = _trained(student)
    total = gpt.counts / gpt.counts.sum()

    def measured(piece: list[int]) -> float:
        bits = 0.0
        for token, q in enumerate(total):
            p = piece.count(token) / len(piece)
            bits += sum(s * math.log2(2 * s / (p + q)) for s in (p, q) if s > 0) / 2
        return bits

    text = TEXT[7:300]
    while len(gpt.tokenizer.encode(text)) % 3:  # the last window ends where the text does
        text = text[:-1]
    tokens = gpt.tokenizer.encode(text)
    found = [measured(tokens[s : s + 24]) for s in range(0, len(tokens) - 23, 3)]
    monitor = gpt.watch(text, window=24, quantile=0.9)
    expected = float(np.quantile(found, 0.9))
    assert math.isclose(monitor.threshold, expected, abs_tol=1e-6), (
        f"of {len(found)} windows of 24 tokens, 90 % stay below {expected:.4f}; got "
        f"{monitor.threshold:.4f}"
    )
    assert monitor.drift is None, "nothing was asked yet: too early to say"
    usual = sorted(range(len(found)), key=found.__getitem__)[len(found) // 2]
    monitor.see(tokens[3 * usual : 3 * usual + 24])
    got, wanted = monitor.drift, found[usual]
    assert math.isclose(got or 0.0, wanted, abs_tol=1e-6), (
        f"a window of usual text: expected a divergence of {wanted:.4f}, got {got}"
    )
    assert not monitor.alarm, f"usual text, and an alarm: {monitor.report()}"
    for start in range(0, 200, 20):
        next(gpt.stream(OTHER[start : start + 20], 1, seed=0), None)
    assert monitor.alarm, (
        f"200 characters of quite another kind were asked, and no alarm: {monitor.report()}"
    )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-14.file": ("Writes files that others can read", file),
    "checkpoint-14.hostile": ("Refuses files that lie", hostile),
    "checkpoint-14.learns": ("Learns what comes next", learns),
    "checkpoint-14.bits": ("Judges itself in bits a character", bits),
    "checkpoint-14.streams": ("Writes what the model says", streams),
    "checkpoint-14.folder": ("Is saved whole or not at all", folder),
    "checkpoint-14.checksums": ("Finds every changed file", checksums),
    "checkpoint-14.drift": ("Notices when the world changes", drift),
}
