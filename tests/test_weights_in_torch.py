"""What TinyTorch saves, torch loads and computes alike; and the notebook that shows it.

The torch modules are those of `notebooks/your_weights_elsewhere.ipynb`: what students read is what
is tested here. The comparison skips without torch, which the product never needs.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest

import tinytorch as tt
from tests.mutants.judge import REPOSITORY
from tests.test_modules import CATALOG, execute, framework
from tinytorch.tinygpt import load_tensors, save_tensors

NOTEBOOK = REPOSITORY / "notebooks" / "your_weights_elsewhere.ipynb"
TEXT = "one day the cat sat on the mat, and the dog sat by the door. " * 8


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def torch_or_skip() -> Any:
    return pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")


def shown() -> dict[str, Any]:
    """The torch classes and helpers that the notebook defines."""
    torch = torch_or_skip()
    known = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    source = next("".join(c["source"]) for c in cells() if c["id"] == "elsewhere-twin")
    exec(compile(source, NOTEBOOK.name, "exec"), known)
    return known


def read(path: Path) -> dict[str, Any]:
    """The tensors of a file, by the package that torch's users have, else by our own reader."""
    torch = torch_or_skip()
    try:
        from safetensors.torch import load_file
    except ImportError:
        return {name: torch.from_numpy(array) for name, array in load_tensors(path).items()}
    loaded: dict[str, Any] = load_file(path)
    return loaded


def close(got: Any, expected: Any) -> None:
    assert got.dtype == expected.dtype == np.float32
    largest = max(1.0, float(np.abs(expected).max()))
    assert float(np.abs(got - expected).max()) <= 1e-5 * largest


def tinygpt(seed: int, **options: Any) -> Any:
    """A TinyGPT with every parameter moved, so that nothing is 0 or 1."""
    sizes: dict[str, Any] = {"context_length": 24, "embed_dim": 24, "num_heads": 3, "num_layers": 2}
    gpt = tt.TinyGPT(TEXT, **{**sizes, "vocab_size": 280, "seed": seed, **options})
    rng = np.random.default_rng(seed)
    for parameter in gpt.model.parameters():
        parameter.data += rng.normal(0, 0.1, size=parameter.shape).astype(np.float32)
    return gpt


def some_tokens(gpt: Any, texts: int = 5) -> np.ndarray:
    rng = np.random.default_rng(1)
    tokens: np.ndarray = rng.integers(0, gpt.config["vocab_size"], size=(texts, 24))
    return tokens


@pytest.mark.parametrize(
    "options",
    [{}, {"tie_weights": True}, {"num_layers": 4, "num_heads": 1}, {"num_heads": 8}],
    ids=["plain", "tied", "deep", "many heads"],
)
def test_torch_says_what_tinygpt_says(options: dict[str, Any], tmp_path: Path) -> None:
    torch, names = torch_or_skip(), shown()
    gpt = tinygpt(3, **options)
    folder = gpt.save(tmp_path / "gpt")
    twin = names["TorchGPT"](**gpt.config).eval()
    twin.load_state_dict(read(folder / "model.safetensors"))  # strict: every name, every shape
    tokens = some_tokens(gpt)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(tokens)).numpy()
    close(gpt.model.eval()(tokens).data, theirs)
    shorter = tt.KVCache(gpt.model).read(tokens[:1, :7])
    close(shorter, theirs[:1, :7])


def test_torch_says_what_an_unfolded_int8_model_says(tmp_path: Path) -> None:
    torch, names = torch_or_skip(), shown()
    small = tinygpt(4).quantize(TEXT)
    packed = load_tensors(small.save(tmp_path / "gpt") / "model.safetensors")
    state = {}
    for name in packed:
        if name.endswith(".codes"):
            layer = name.removesuffix(".codes")
            state[f"{layer}.weight"] = packed[name].astype(np.float32) * packed[f"{layer}.scale"]
        elif not name.endswith((".scale", ".sums", ".input_scale", ".input_zero")):
            state[name] = packed[name]
    twin = names["TorchGPT"](**small.config).eval()
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    tokens = some_tokens(small)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(tokens)).numpy()
    close(tt.KVCache(small.model, texts=5).read(tokens), theirs)


def networks() -> tuple[Any, Any]:
    """A network for images by TinyTorch, after some training, and its like in torch."""
    torch = torch_or_skip()

    def made(home: Any) -> Any:
        return home.Sequential(
            home.Conv2d(3, 8, 3, padding=1),
            home.BatchNorm2d(8),
            home.ReLU(),
            home.MaxPool2d(2),
            home.Conv2d(8, 12, (3, 2), stride=2, bias=False),
            home.BatchNorm2d(12, eps=1e-3),
            home.ReLU(),
            home.AvgPool2d(2),
            home.Flatten(),
            home.Linear(12 * 4, 5),
        )

    tt.manual_seed(7)
    ours, theirs = made(tt), made(torch.nn)
    rng = np.random.default_rng(7)
    images = rng.normal(0.5, 2, size=(64, 3, 20, 20)).astype(np.float32)
    data = tt.TensorDataset(images, rng.integers(0, 5, size=64))
    trainer = tt.Trainer(ours, tt.Adam(ours.parameters(), lr=0.01), tt.CrossEntropyLoss())
    for _ in trainer.fit(tt.DataLoader(data, 16), epochs=2):
        pass
    return ours.eval(), theirs


def test_torch_sees_what_a_cnn_sees_and_back(tmp_path: Path) -> None:
    torch = torch_or_skip()
    ours, theirs = networks()
    save_tensors(tmp_path / "cnn.safetensors", ours.state_dict())
    theirs.load_state_dict(read(tmp_path / "cnn.safetensors"))
    theirs.eval()
    images = np.random.default_rng(8).normal(0.5, 2, size=(10, 3, 20, 20)).astype(np.float32)
    with torch.no_grad():
        close(ours(tt.Tensor(images)).data, theirs(torch.from_numpy(images)).numpy())

    theirs.train()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    theirs(torch.from_numpy(images)).square().mean().backward()
    optimizer.step()
    theirs.eval()
    writer = pytest.importorskip("safetensors.torch", reason="needs the package safetensors")
    writer.save_file(theirs.state_dict(), tmp_path / "back.safetensors")
    arrays = load_tensors(tmp_path / "back.safetensors")
    counts = [arrays.pop(name) for name in list(arrays) if name.endswith("num_batches_tracked")]
    assert [int(count) for count in counts] == [1, 1]
    ours.load_state_dict(arrays)
    with torch.no_grad():
        close(ours(tt.Tensor(images)).data, theirs(torch.from_numpy(images)).numpy())


def test_the_notebook_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a course of its own, with less training; where torch is missing it says how to get it."""
    framework(tmp_path, CATALOG.module("20"))
    copyfile(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (tmp_path / "notebooks").mkdir()
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("epochs=4", "epochs=1")
    done = execute(notebook, tmp_path / "notebooks")
    told = {
        cell.id: "".join(o.get("text", "") for o in cell.outputs)
        for cell in done.cells
        if cell.cell_type == "code"
    }
    assert "nothing is missing: True" in told["elsewhere-int8"]
    if find_spec("torch") is None:
        assert "pip install torch" in told["elsewhere-imports"]
        assert told["elsewhere-gpt-compare"] == "This cell compares with PyTorch.\n"
    assert {path.name for path in (tmp_path / "notebooks" / "weights").iterdir()} >= {
        "tinygpt",
        "tinygpt-int8",
        "digits.safetensors",
    }
