"""Byte pair encoding: training on 1 MB, encoding it, and decoding, on one core.

python benchmarks/tokenization.py [name of a case ...]

Beside the tokenizers package, which is written in Rust and gets the same cut into words; it need
not be installed where the product is: a folder that holds it can be named in PYTHONPATH. The text
is Tiny Shakespeare where TINYTORCH_DATA has it, else the beginning of Python's standard library.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers import HEADER, Measured, compare

# name: what is done, the size of the vocabulary
CASES: dict[str, tuple[str, int]] = {
    "train, 512 tokens": ("train", 512),
    "train, 1024 tokens": ("train", 1024),
    "train, 4096 tokens": ("train", 4096),
    "encode, 1024 tokens, first time": ("encode", 1024),
    "encode, 1024 tokens, words known": ("again", 1024),
    "decode, 1024 tokens": ("decode", 1024),
}
CASE = "TOKENIZATION_CASE"  # how a peer's process is told which one


def one_megabyte() -> str:
    """Some real text."""
    named = Path(os.environ.get("TINYTORCH_DATA", "")) / "text" / "tinyshakespeare.txt"
    if named.is_file():
        return named.read_text(encoding="utf-8")[:1_000_000]
    parts: list[str] = []
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        parts.append(path.read_text(encoding="utf-8", errors="replace"))
        if sum(map(len, parts)) >= 1_000_000:
            break
    return "".join(parts)[:1_000_000]


def _measured(train: Callable[[str, int], Any], copy: Callable[[Any], Any]) -> Measured:
    """The chosen case, from a way to train and a way to copy what has an empty cache then."""
    text = one_megabyte()
    what, size = CASES[os.environ[CASE]]
    tokenizer = None if what == "train" else train(text, size)
    known = tokenizer and copy(tokenizer)
    tokens = known.encode(text) if known else []
    tokens = getattr(tokens, "ids", tokens)

    def once() -> None:
        if what == "train":
            train(text, size)
        elif what == "encode":
            copy(tokenizer).encode(text)
        elif what == "again":
            known.encode(text)
        else:
            known.decode(tokens)

    return once


def ours() -> Measured:
    """The reference."""
    from tinytorch.core.tokenization import BPETokenizer

    def train(text: str, size: int) -> Any:
        tokenizer = BPETokenizer()
        tokenizer.train(text, size)
        return tokenizer

    return _measured(train, lambda tokenizer: BPETokenizer(tokenizer.merges))


def peer() -> Measured:
    """tokenizers, byte level, with our regular expression."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    from tokenizers.decoders import ByteLevel

    from tinytorch.core.tokenization import WORD

    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    cut = pre_tokenizers.Split(Regex(WORD.pattern), "isolated")

    def train(text: str, size: int) -> Any:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, bytes_of])
        tokenizer.decoder = ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
        tokenizer.train_from_iterator([text], trainer)
        return tokenizer

    return _measured(train, lambda tokenizer: Tokenizer.from_str(tokenizer.to_str()))


WORK = {"tinytorch": ours, "tokenizers": peer}


def peak(name: str) -> float:
    """The highest point of memory, in MB, of a process that trains once."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), "--peak", name],
        env={**os.environ, "PYTHONPATH": path, CASE: "train, 1024 tokens"},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout))


def _own_peak(name: str) -> None:
    WORK[name]()()
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        _own_peak(sys.argv[2])
        sys.exit()
    chosen = sys.argv[1:] or list(CASES)
    if unknown := [name for name in chosen if name not in CASES]:
        sys.exit(f"no case is called {unknown[0]!r}; there are: {'; '.join(CASES)}")
    print(f"{len(one_megabyte()):,} characters\n\n{HEADER}")
    for case in chosen:
        os.environ[CASE] = case
        for figure in compare(__file__, case, rounds=5):
            print(figure.row(), flush=True)
    print("\npeak memory of training: ", end="")
    print(", ".join(f"{name} {peak(name):.0f} MB" for name in WORK))
