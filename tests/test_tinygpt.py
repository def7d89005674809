"""`tinygpt.py`: any text, any damage to what was saved, any request, and what it says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from shutil import copytree, which
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinytorch as tt
from tests.test_tinygpt_files import same
from tinytorch.core.tokenization import BPETokenizer, CharTokenizer
from tinytorch.tinygpt import (
    as_text,
    divergence,
    pack_tensors,
    read_folder,
    read_tensors,
    score,
    write_folder,
)

TEXT = "one day the cat sat on the mat, and the dog sat by the door. " * 8
SMALL: dict[str, Any] = {"context_length": 8, "embed_dim": 16, "num_heads": 2, "num_layers": 1}


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=30), st.booleans())
def test_any_text_is_shown_whole(text: str, by_characters: bool) -> None:
    tokenizer: Any = CharTokenizer("abc é") if by_characters else BPETokenizer([(97, 98)])
    pieces = list(as_text(tokenizer, tokenizer.encode(text)))
    assert "".join(pieces) == text
    assert all(pieces)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 255), max_size=20))
def test_any_tokens_are_shown_as_decoded(tokens: list[int]) -> None:
    tokenizer = BPETokenizer()
    assert "".join(as_text(tokenizer, tokens)) == tokenizer.decode(tokens)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12))
def test_divergence_is_bounded_and_symmetric(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    if a.any() and b.any():
        assert -1e-12 <= divergence(a, b) <= 1 + 1e-12
        assert divergence(a, b) == pytest.approx(divergence(b, a), abs=1e-12)
        assert divergence(a, 7 * a) == pytest.approx(0, abs=1e-12)


@pytest.fixture(scope="module")
def trained() -> Any:
    gpt = tt.TinyGPT(TEXT, vocab_size=280, seed=1, **SMALL)
    steps = list(gpt.fit(TEXT, epochs=3, batch_size=8, lr=0.01))
    assert steps[-1].loss < steps[0].loss
    gpt.facts["data"] = "a cat and a dog"
    gpt.evaluate(TEXT[:100])
    return gpt


@pytest.fixture(scope="module")
def saved(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = trained.save(tmp_path_factory.mktemp("saved") / "model")
    return folder


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused(saved: Path, data: Any) -> None:
    path = data.draw(st.sampled_from(sorted(saved.iterdir())))
    whole = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(whole)
    changed[at] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises(ValueError, match=r"."):
            tt.TinyGPT.load(saved)
    finally:
        path.write_bytes(whole)
    tt.TinyGPT.load(saved)


def test_every_sign_of_the_sums_counts(saved: Path) -> None:
    sums = saved / "SHA256SUMS"
    whole = sums.read_bytes()
    try:
        for at in range(len(whole)):
            for bit in (1, 2, 4, 32):
                changed = bytearray(whole)
                changed[at] ^= bit
                sums.write_bytes(changed)
                with pytest.raises(ValueError, match=r"."):
                    read_folder(saved)
    finally:
        sums.write_bytes(whole)


def resealed(folder: Path, name: str, data: bytes) -> None:
    """Change a file as somebody would who also changes its checksum."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "SHA256SUMS"}
    write_folder(folder, {**files, name: data})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda about: about["config"].update(embed_dim=10**9), "announced"),
        (lambda about: about["config"].update(num_layers=10**9), "announced"),
        (lambda about: about["config"].update(num_heads=True), "whole numbers"),
        (lambda about: about["config"].pop("num_heads"), "whole numbers"),
        (lambda about: about["config"].update(vocab_size=281), "announced"),
        (lambda about: about["config"].update(tie_weights=True), "unexpected"),
        (lambda about: about.pop("facts"), "facts"),
        (lambda about: about.update(dropout=2), "probability"),
        (lambda about: about.update(watch={"window": 3}), "threshold"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    saved: Path, tmp_path: Path, change: Any, reason: str
) -> None:
    folder = copytree(saved, tmp_path / "model")
    arrays, words = read_tensors(folder / "model.safetensors")
    about = json.loads(words["about"])
    change(about)
    words["about"] = json.dumps(about)
    resealed(folder, "model.safetensors", pack_tensors(arrays, words))
    with pytest.raises(ValueError, match=reason):
        tt.TinyGPT.load(folder)


def test_weights_that_do_not_fit_are_refused(saved: Path, tmp_path: Path) -> None:
    folder = copytree(saved, tmp_path / "model")
    arrays, words = read_tensors(folder / "model.safetensors")
    name = "blocks.0.mlp.up.weight"
    for wrong, reason in (
        ({name: arrays[name].astype(np.float64)}, f"{name} is stored as float64"),
        ({name: arrays[name].T}, name),
        ({"extra": arrays[name]}, "extra is unexpected"),
    ):
        resealed(folder, "model.safetensors", pack_tensors({**arrays, **wrong}, words))
        with pytest.raises(ValueError, match=reason):
            tt.TinyGPT.load(folder)
    resealed(folder, "model.safetensors", pack_tensors(arrays))
    with pytest.raises(ValueError, match=r"not a TinyGPT's"):
        tt.TinyGPT.load(folder)
    resealed(folder, "model.safetensors", pack_tensors(arrays, words))
    resealed(folder, "tokenizer.json", b'{"kind": "Pickle", "counts": []}')
    with pytest.raises(ValueError, match=r"'Pickle' is not known"):
        tt.TinyGPT.load(folder)
    with pytest.raises(FileNotFoundError, match=r"nothing was saved there$"):
        tt.TinyGPT.load(tmp_path)


@pytest.mark.skipif(which("sha256sum") is None, reason="needs the command sha256sum")
def test_the_usual_command_checks_it(saved: Path) -> None:
    done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=saved, check=False)
    assert done.returncode == 0


def test_a_name_in_the_sums_cannot_lead_out_of_the_folder(saved: Path, tmp_path: Path) -> None:
    folder = copytree(saved, tmp_path / "model")
    (tmp_path / "secret").write_bytes(b"secret")
    sums = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(sums + "0" * 64 + "  ../secret\n")
    with pytest.raises(ValueError, match=r"\.\./secret"):
        tt.TinyGPT.load(folder)


def test_nothing_of_others_is_replaced(trained: Any, tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("mine")
    with pytest.raises(FileExistsError, match=r"diary"):
        trained.save(tmp_path)
    assert (tmp_path / "diary").read_text() == "mine"


def test_a_saving_that_the_machine_cut_off_is_mended_by_the_next(
    trained: Any, tmp_path: Path
) -> None:
    folder = trained.save(tmp_path / "model")
    folder.rename(tmp_path / "model.replaced")  # between the two renamings it went dark
    (tmp_path / "model.unfinished").mkdir()
    with pytest.raises(FileNotFoundError, match=r"version before in .*model\.replaced"):
        tt.TinyGPT.load(folder)
    trained.save(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    tt.TinyGPT.load(folder)


@pytest.mark.parametrize(
    "options", [{}, {"tie_weights": True}, {"vocab_size": None, "dropout": 0.1}]
)
def test_every_kind_comes_back_and_goes_on(options: dict[str, Any], tmp_path: Path) -> None:
    gpt = tt.TinyGPT(TEXT, **{"vocab_size": 270, **SMALL, **options})
    for _ in gpt.fit(TEXT, epochs=1):
        pass
    gpt.watch(TEXT, window=32)
    small = gpt.quantize(TEXT)
    assert (gpt.precision, small.precision) == ("float32", "int8")
    for model in (gpt, small):
        back = tt.TinyGPT.load(model.save(tmp_path / "model"))
        same(back.model.state_dict(), model.model.state_dict())
        assert back.generate("the é", 9, seed=1) == model.generate("the é", 9, seed=1)
        for name in ("config", "facts", "precision", "seed", "dropout"):
            assert getattr(back, name) == getattr(model, name)
        assert (back.monitor is None) == (model.monitor is None)
    with pytest.raises(ValueError, match=r"quantized model is not trained"):
        small.fit(TEXT)
    loss = gpt.evaluate(TEXT)["loss"]
    again = tt.TinyGPT.load(gpt.save(tmp_path / "again"))
    for _ in again.fit(TEXT, epochs=2):
        pass
    assert again.evaluate(TEXT)["loss"] < loss
    assert again.counts.sum() == 2 * gpt.counts.sum()
    assert gpt.evaluate(TEXT)["loss"] == loss


def test_the_card_says_what_is_known(trained: Any, saved: Path, tmp_path: Path) -> None:
    card = (saved / "README.md").read_text(encoding="utf-8")
    bits = trained.facts["scores"]["bits_per_character"]
    for told in ("a cat and a dog", f"{bits:.3f} bits per character", f"{trained.size:,} numbers"):
        assert told in card
    untrained = tt.TinyGPT(TEXT, **SMALL).save(tmp_path / "new")
    assert "not evaluated" in (untrained / "README.md").read_text(encoding="utf-8")


def test_bits_per_character_do_not_depend_on_the_tokens() -> None:
    """Two models that give every text of a length the same probability, by other tokens."""
    for tokenizer in (CharTokenizer(TEXT), BPETokenizer()):
        gpt = tt.TinyGPT(tokenizer, **SMALL)
        gpt.model.head.weight.data[...] = 0
        found = score(gpt.model, tokenizer, "aaaa")
        assert found["bits_per_character"] == pytest.approx(np.log2(tokenizer.vocab_size), rel=1e-5)


def test_bad_requests_are_refused_at_once(trained: Any) -> None:
    for action in (
        lambda: trained.stream(""),
        lambda: trained.evaluate("o"),
        lambda: trained.fit("one"),
        lambda: trained.fit(TEXT, epochs=0),
        lambda: trained.quantize([]),
        lambda: trained.watch("one", window=50),
        lambda: tt.TinyGPT(TEXT, **SMALL).watch(TEXT),
    ):
        with pytest.raises(ValueError, match=r"."):
            action()


def test_training_goes_only_as_far_as_it_is_read(trained: Any) -> None:
    gpt = tt.TinyGPT(TEXT, vocab_size=280, **SMALL)
    steps = gpt.fit(TEXT, epochs=2, batch_size=8)
    before = gpt.model.state_dict()
    same(gpt.model.state_dict(), before)
    first = [next(steps), next(steps)]
    assert [step.step for step in first] == [1, 2]
    assert gpt.facts["steps"] == 2
    rates = [step.lr for step in [*first, *steps]]
    assert max(rates) == pytest.approx(0.005, rel=0.05)
    assert rates[-1] < rates[0]
    assert not gpt.model.training


def test_faster_kernels_change_nothing_but_the_time(trained: Any) -> None:
    def losses() -> list[float]:
        gpt = tt.TinyGPT(TEXT, vocab_size=280, seed=1, **SMALL)
        return [step.loss for step in gpt.fit(TEXT, epochs=1, batch_size=8)]

    plain = losses()
    with tt.accelerated():
        fast = losses()
    assert fast == pytest.approx(plain, rel=1e-3)


def test_quantized_it_is_smaller_and_nearly_as_good(trained: Any, tmp_path: Path) -> None:
    small = trained.quantize([TEXT[:200]])
    sizes = [
        (model.save(tmp_path / name) / "model.safetensors").stat().st_size
        for name, model in (("full", trained), ("small", small))
    ]
    assert sizes[1] < sizes[0] / 2.3  # so small a model has many scales and few weights
    lost = small.evaluate(TEXT)["bits_per_character"] - trained.evaluate(TEXT)["bits_per_character"]
    assert abs(lost) < 0.02


def test_the_monitor_forgets_and_recovers(trained: Any) -> None:
    monitor = trained.watch(TEXT, window=30, quantile=1.0)
    usual, other = (trained.tokenizer.encode(text) for text in (TEXT, "QXZ 17 " * 9))
    usual = usual[:30]
    told = []
    for tokens in (usual, other, usual):
        monitor.see(tokens)
        told.append(monitor.alarm)
    assert told == [False, True, False]
    monitor.see(other)
    assert "unlike" in monitor.report()
    assert all(seen > expected for _, seen, expected in monitor.unusual())
    drifts = []
    for tokens in (usual[:10], usual[10:20], usual[20:30]):
        monitor.see(tokens)
        drifts.append(monitor.drift)
    assert all(later < before for before, later in pairwise(drifts))
    trained.monitor = None


def test_loading_runs_nothing(saved: Path) -> None:
    """No pickle, no marshal, no eval: watched by Python's own audit hook, in another process."""
    program = f"""
import sys
import tinytorch
tinytorch.TinyGPT
bad = {{"pickle.find_class", "marshal.loads", "exec", "compile", "subprocess.Popen", "os.system"}}
found = []
sys.addaudithook(lambda event, _: found.append(event) if event in bad else None)
tinytorch.TinyGPT.load({str(saved)!r})
print(found)
"""
    root = Path(tt.__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]", done.stdout
