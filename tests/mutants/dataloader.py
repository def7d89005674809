"""Mistakes in `core/dataloader.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_FIRST = "first, *rest = (pick(array, rows) for array in self.arrays)"
_ORDER = "order = self._generator.permutation(count) if self.shuffle else np.arange(count)"
_YIELD = "yield tuple(Tensor(part) for part in self.dataset.batch(indices))"
_CHOSEN = "chosen = self._generator.random(len(images)) < self.p"
_MIRRORED = "result[chosen] = images[chosen, :, :, ::-1]"
_TOP = "top = self._generator.integers(0, tall - size + 1, size=n)"
_LEFT = "left = self._generator.integers(0, wide - size + 1, size=n)"
_PADDED = "padded[:, :, edge : edge + height, edge : edge + width] = images"
_PICKED = "return windows[np.arange(n), :, top, left]"
_SMALL = "images = self.images[rows].astype(np.float32)\n        images /= self.white"
_MEAN = "result -= self.mean.reshape(-1, 1, 1)"
_STD = "result /= self.std.reshape(-1, 1, 1)"
_ALLOWED = "if (module, name) not in ARRAY_PARTS:"
_REFUSED = 'f"refused to import {module}.{name}: arrays only"'
_RAISE = f"            raise pickle.UnpicklingError({_REFUSED})\n"
_FIND = f"{_ALLOWED}\n{_RAISE}        return ARRAY_PARTS[module, name]"
_FOUND = "return super().find_class(module, name)"

# of several lines, or long
_LABELS_BY_PLACE = """first = self.arrays[0][rows]
        rest = [array[: len(indices)] for array in self.arrays[1:]]"""
_LABELS_NOT_SHUFFLED = """inputs, *rest = self.dataset.batch(indices)
            yield tuple(Tensor(part) for part in (inputs, *map(np.sort, rest)))"""
_WHOLE_EPOCH = """pass
        pieces = split_batches(order, self.batch_size, self.drop_last)
        yield from [tuple(map(Tensor, self.dataset.batch(piece))) for piece in pieces]"""
_ORDER_KEPT = """if not hasattr(self, "kept"):
            self.kept = self._generator.permutation(count)
        order = self.kept if self.shuffle else np.arange(count)"""
_BATCHES_SHUFFLED = """blocks = split_batches(np.arange(count), self.batch_size, False)
        picked = self._generator.permutation(len(blocks)) if self.shuffle else ()
        order = np.concatenate([blocks[i] for i in picked] or [np.arange(count)])"""
_CHANNELS_APART = """rows = np.arange(n)[:, None]
        shift = np.arange(channels) % 2 * (top > 0)[:, None]
        return windows[rows, np.arange(channels), top[:, None] - shift, left[:, None]]"""
_MEAN_OVER_WIDTH = """fits = images.shape[-1] == len(self.mean)
        result -= self.mean if fits else self.mean.reshape(-1, 1, 1)"""
_STD_OVER_HEIGHT = """fits = images.shape[2] == len(self.std)
        result /= self.std.reshape(-1, 1) if fits else self.std.reshape(-1, 1, 1)"""
_PIXELS = "return np.frombuffer(data, dtype=np.uint8)[start:].reshape(shape)"
_FROM_8 = """pixels = np.frombuffer(data, dtype=np.uint8)[8:]
    return pixels[: math.prod(shape)].reshape(shape)"""
_CHECK = "if len(data) - start != math.prod(shape):"

_DEFINITIONS = [
    ("labels-by-place", _FIRST, _LABELS_BY_PLACE, "inputs are picked, labels are not"),
    ("labels-not-shuffled", _YIELD, _LABELS_NOT_SHUFFLED, "inputs are shuffled, labels are not"),
    ("whole-epoch-at-once", _YIELD, _WHOLE_EPOCH, "all batches are made before the first is seen"),
    ("same-order-every-epoch", _ORDER, _ORDER_KEPT, "one order is drawn and kept for all epochs"),
    ("batches-shuffled", _ORDER, _BATCHES_SHUFFLED, "batches change places, not examples"),
    ("crop-channels-apart", _PICKED, _CHANNELS_APART, "each channel is cut at its own place"),
    ("normalize-over-width", _MEAN, _MEAN_OVER_WIDTH, "means meet the width where sizes allow it"),
    ("normalize-over-height", _STD, _STD_OVER_HEIGHT, "deviations meet the height if they can"),
    ("idx-offset-of-labels", _PIXELS, _FROM_8, "images are read from where labels begin"),
    (
        "idx-rest-ignored",
        _CHECK,
        f"data = data[: start + math.prod(shape)]\n    {_CHECK}",
        "bytes behind the array are not noticed",
    ),
    (
        "idx-end-filled-up",
        _CHECK,
        f'data = data.ljust(start + math.prod(shape), b"0")\n    {_CHECK}',
        "a file that was cut off is filled up",
    ),
    (
        "rows-sorted",
        _FIRST,
        "first, *rest = (array[np.sort(indices)] for array in self.arrays)",
        "rows come in the data's order, not in the one asked for",
    ),
    (
        "transform-forgotten",
        "            first = self.transform(first)\n",
        "            pass\n",
        "the transform of a TensorDataset is never called",
    ),
    (
        "transform-one-by-one",
        "            first = self.transform(first)\n",
        "            first = np.stack([self.transform(row[None])[0] for row in first])\n",
        "the transform is called for each example",
    ),
    (
        "transform-of-everything",
        "return (first, *rest)",
        "return (first, *(r if self.transform is None else self.transform(r) for r in rest))",
        "labels are transformed too",
    ),
    (
        "parts-as-float64",
        _FIRST,
        "first, *rest = (pick(array, rows) * 1.0 for array in self.arrays)",
        "whole-number labels become float64",
    ),
    (
        "last-batch-lost",
        "if len(piece) == batch_size or not drop_last:",
        "if len(piece) == batch_size:",
        "the last, shorter batch is always lost",
    ),
    (
        "full-last-batch-lost",
        "return pieces\n",
        "return pieces[:-1] if drop_last else pieces\n",
        "drop_last drops a full batch",
    ),
    (
        "drop-last-ignored",
        "if len(piece) == batch_size or not drop_last:",
        "if True:",
        "a short batch comes although drop_last is set",
    ),
    (
        "batches-overlap",
        "piece = order[start : start + batch_size]",
        "piece = order[start : start + batch_size + 1]",
        "each batch repeats the first example of the next",
    ),
    (
        "first-batch-repeated",
        "return pieces\n",
        "return pieces[:1] + pieces\n",
        "the first batch comes twice",
    ),
    (
        "an-empty-batch",
        "for start in range(0, len(order), batch_size):",
        "for start in range(0, len(order) + 1, batch_size):",
        "when the batches come out even, an empty one follows",
    ),
    (
        "numbers-instead-of-order",
        "piece = order[start : start + batch_size]",
        "piece = np.arange(start, min(start + batch_size, len(order)))",
        "the order is cut by its places, so nothing is shuffled",
    ),
    (
        "seed-ignored",
        _ORDER,
        "order = np.random.permutation(count) if self.shuffle else np.arange(count)",
        "orders come from numpy's shared random numbers",
    ),
    (
        "seed-always-zero",
        _ORDER,
        _ORDER.replace("self._generator", "np.random.default_rng(0)"),
        "every loader and every epoch has one order",
    ),
    (
        "always-shuffled",
        _ORDER,
        "order = self._generator.permutation(count)",
        "the order is random without shuffle too",
    ),
    (
        "never-shuffled",
        _ORDER,
        "order = np.arange(count)",
        "shuffle has no effect",
    ),
    (
        "drawn-with-replacement",
        _ORDER,
        _ORDER.replace("permutation(count)", "integers(0, count, size=count)"),
        "some examples come twice in an epoch and others not at all",
    ),
    (
        "labels-as-floats",
        _YIELD,
        "yield tuple(Tensor(part.astype(np.float32)) for part in self.dataset.batch(indices))",
        "labels are no whole numbers any more",
    ),
    (
        "float64-leaks",
        _SMALL,
        "images = self.images[rows] / self.white",
        "dividing bytes gives float64",
    ),
    (
        "bytes-not-divided",
        _SMALL,
        "images = self.images[rows].astype(np.float32)",
        "pixels run from 0 to 255",
    ),
    (
        "divided-by-the-largest",
        _SMALL,
        "images = self.images[rows].astype(np.float32)\n        images /= max(images.max(), 1)",
        "how bright an image is depends on its batch",
    ),
    (
        "image-labels-by-place",
        "return images, self.labels[rows]",
        "return images, self.labels[: len(images)]",
        "the labels are those of the first images",
    ),
    (
        "image-transform-forgotten",
        "            images = self.transform(images)\n        return images, self.labels",
        "            pass\n        return images, self.labels",
        "images are never augmented",
    ),
    (
        "one-flip-for-all",
        _CHOSEN,
        "chosen = np.full(len(images), self._generator.random() < self.p)",
        "one draw decides for the whole batch",
    ),
    (
        "flip-by-position",
        _CHOSEN,
        "chosen = np.arange(len(images)) < self.p * len(images)",
        "always the first images of a batch are mirrored",
    ),
    (
        "flip-vertical",
        _MIRRORED,
        "result[chosen] = images[chosen, :, ::-1]",
        "images stand on their heads",
    ),
    (
        "flip-in-place",
        "result = images.copy()",
        "result = images",
        "flipping changes the data that was lent",
    ),
    (
        "flip-unlikely",
        _CHOSEN,
        _CHOSEN.replace("<", ">="),
        "images are mirrored with probability 1 - p",
    ),
    (
        "flip-unseeded",
        _CHOSEN,
        "chosen = np.random.random(len(images)) < self.p",
        "the seed of a flip has no effect",
    ),
    (
        "one-crop-for-all",
        _PICKED,
        "return windows[:, :, top[0], left[0]]",
        "one draw places all crops of a batch",
    ),
    ("crop-diagonal", _LEFT, "left = np.minimum(top, wide - size)", "left repeats the draw of top"),
    (
        "crop-last-top-missed",
        _TOP,
        "top = self._generator.integers(0, max(tall - size, 1), size=n)",
        "the lowest place is never drawn",
    ),
    (
        "crop-pads-one-side",
        _PADDED,
        "padded[:, :, :height, :width] = images",
        "all zeros lie below and to the right",
    ),
    (
        "crop-of-other-images",
        _PICKED,
        "return windows[np.arange(n)[::-1], :, top, left]",
        "images change places and lose their labels",
    ),
    (
        "crop-float64",
        "padded = np.zeros((n, channels, tall, wide), dtype=images.dtype)",
        "padded = np.zeros((n, channels, tall, wide))",
        "zeros are float64, and so is every crop",
    ),
    (
        "crop-unseeded",
        _TOP,
        _TOP.replace("self._generator.integers", "np.random.randint"),
        "the seed of a crop has no effect",
    ),
    (
        "normalize-by-the-first",
        _MEAN,
        "result -= self.mean[0]",
        "every channel is shifted by the first one's mean",
    ),
    ("normalize-not-divided", _STD, "pass", "the spread stays as it was"),
    (
        "normalize-float64",
        "result = images.astype(np.float32)\n",
        "result = images.astype(np.float64)\n",
        "normalized images are float64",
    ),
    (
        "normalize-in-place",
        "result = images.astype(np.float32)\n",
        "result = images.astype(np.float32, copy=False)\n",
        "float32 images are changed in place",
    ),
    (
        "idx-offset-of-images",
        "start = 4 + 4 * data[3]",
        "start = 16",
        "labels are read from where images begin",
    ),
    (
        "idx-little-endian",
        'int.from_bytes(data[i : i + 4], "big")',
        'int.from_bytes(data[i : i + 4], "little")',
        "sizes are read the wrong way round",
    ),
    (
        "idx-last-byte-only",
        'int.from_bytes(data[i : i + 4], "big")',
        "data[i + 3]",
        "sizes above 255 are cut off",
    ),
    (
        "idx-magic-unchecked",
        "if len(data) < 4 or data[:3] != bytes([0, 0, 8]):",
        "if len(data) < 4:",
        "any file is taken for IDX",
    ),
    *(
        (f"pickle-{name}", _FIND, f"if {condition}:\n{_RAISE}        {_FOUND}", wrong)
        for name, condition, wrong in (
            ("unrestricted", "False", "a pickle may run any function"),
            ("all-of-numpy", 'module.split(".")[0] != "numpy"', "numpy can write files, too"),
            ("by-name", "name not in {n for _, n in ARRAY_PARTS}", "only the name is looked at"),
            (
                "by-module",
                "module not in {m for m, _ in ARRAY_PARTS}",
                "only the module is looked at",
            ),
            ("forbidden-list", 'module in ("os", "posix", "sys")', "a list always misses some"),
            ("numpys-own-parts", "(module, name) not in ARRAY_PARTS", "ndarray reads any address"),
        )
    ),
    (
        "pickle-new-names-only",
        _ALLOWED,
        'if (module, name) not in ARRAY_PARTS or module.startswith("numpy.core"):',
        "files of older versions of numpy are refused",
    ),
]

MUTANTS = [Mutant(name, "05_dataloader", old, new, wrong) for name, old, new, wrong in _DEFINITIONS]
