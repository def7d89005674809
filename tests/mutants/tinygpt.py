"""Mistakes in `tinygpt.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_ORDER = "for name in sorted(ready, key=lambda name: (-ready[name].itemsize, name)):"
_BYTES = "body += array.tobytes()"
_OFFSETS = '"data_offsets": [begin, len(body)],'
_SPACES = 'text += b" " * (-len(text) % 8)'
_SHAPE = '"shape": list(array.shape),'
_FEW = 'length = int.from_bytes(data[:8], "little")'
_LONG = "if length > min(len(data) - 8, MOST_HEADER):"
_SORTED = "sorted(places.items(), key=lambda item: (item[1].begin, item[1].end))"
_BEGIN = "if place.begin != last:"
_NEEDED = "if place.end - place.begin != needed:"
_CUT = "if place.end > len(body):"
_COPY = 'arrays[name] = stored.astype(place.dtype.newbyteorder("="))'
_ALL = "if last != len(body):"
_STARTS = "starts = np.arange(0, len(tokens) - length, max(1, length // 2))"
_EXAMPLES = "examples = TensorDataset(pieces[:, :-1], pieces[:, 1:])"
_LOADER = "return DataLoader(examples, batch_size, shuffle=True, seed=seed)"
_BITS = "bits = loss * (len(tokens) - 1) / math.log(2)"
_PERPLEXITY = "perplexity = math.exp(loss)"
_LOSS = 'loss = evaluate(model, CrossEntropyLoss(), pieces)["loss"]'
_AWAKE = """loss = sum(CrossEntropyLoss()(model(x), y).item() * y.size for x, y in pieces)
    loss /= len(tokens) - 1"""
_WHOLE = 'if piece and not piece.endswith("\\N{REPLACEMENT CHARACTER}"):'
_ANEW = "            yield piece\n            waiting = []"
_DECODED = "piece = tokenizer.decode(waiting)\n        if"
_LINES = 'lines = [f"{sha256(data)}  {name}\\n" for name, data in sorted(files.items())]'
_SUMS = 'write_file(new / SUMS, "".join(lines).encode("utf-8"))'
_ASIDE = "        if folder.exists():\n            os.replace(folder, old)\n"
_MISSING = 'problems.append(f"{name} is missing")'
_CHANGED = "if sha256(files[name]) != checksum:"
_SAID = 'problems.append(f"{name} has changed")'
_SHARES = "p, q = counts / counts.sum(), expected / expected.sum()"
_MIDDLE = "middle = (p + q) / 2"
_THERE = "np.log2(share[there] / middle[there])).sum()) / 2"
_WINDOWS = "for start in range(0, len(tokens) - window + 1, max(1, window // 8)):"
_QUANTILE = "return float(np.quantile(found, quantile))"

_MISTAKES = [
    ("small-numbers-first", _ORDER, _ORDER.replace("(-ready", "(ready"), "nothing is aligned"),
    ("as-it-comes", _ORDER, "for name in ready:", "the order is that of the dictionary"),
    ("columns-first", _BYTES, 'body += array.tobytes("F")', "column after column"),
    ("offsets-in-numbers", _OFFSETS, '"data_offsets": [begin, begin + array.size],', "not bytes"),
    ("begin-and-length", _OFFSETS, '"data_offsets": [begin, array.nbytes],', "length, not end"),
    ("not-padded", _SPACES, "pass", "the header ends anywhere"),
    ("always-padded", _SPACES, 'text += b" " * (8 - len(text) % 8 + 1)', "one space too many"),
    ("padded-with-zeros", _SPACES, _SPACES.replace('" "', '"\\0"'), "that is no JSON"),
    ("flat-shape", _SHAPE, '"shape": [array.size],', "the axes are lost"),
    ("highest-byte-first", _FEW, 'length = int.from_bytes(data[:8], "big")', "turned round"),
    ("header-believed", _LONG, "if length > MOST_HEADER:", "never compared with the file"),
    ("in-the-headers-order", _SORTED, "places.items()", "others sort by name"),
    ("gaps-allowed", _BEGIN, "if place.begin < last:", "bytes that belong to nobody"),
    ("overlaps-allowed", _BEGIN, "if place.begin > last:", "bytes that belong to two"),
    ("size-believed", _NEEDED, "if place.end < place.begin:", "shape and bytes differ"),
    ("at-most-the-bytes", _NEEDED, _NEEDED.replace("!=", "<"), "more bytes than the shape needs"),
    ("end-believed", _CUT, "if place.begin > len(body):", "the end of the file is not seen"),
    ("read-only", _COPY, "arrays[name] = stored", "the arrays cannot be written to"),
    ("rest-ignored", _ALL, "if last > len(body):", "bytes behind the last tensor"),
    ("no-overlap", _STARTS, _STARTS.replace("max(1, length // 2)", "length"), "side by side"),
    ("last-piece-lost", _STARTS, _STARTS.replace("- length,", "- length - 1,"), "one too few"),
    ("itself", _EXAMPLES, _EXAMPLES.replace("pieces[:, 1:]", "pieces[:, :-1]"), "says it again"),
    ("backwards", _EXAMPLES, "examples = TensorDataset(pieces[:, 1:], pieces[:, :-1])", "the past"),
    ("in-order", _LOADER, "return DataLoader(examples, batch_size)", "never shuffled"),
    ("another-each-time", _LOADER, _LOADER.replace(", seed=seed", ""), "the seed is forgotten"),
    ("nats", _BITS, "bits = loss * (len(tokens) - 1)", "nats are taken for bits"),
    ("bits-of-a-token", _BITS, "bits = loss / math.log(2)", "one token's bits for all characters"),
    ("first-counted", _BITS, "bits = loss * len(tokens) / math.log(2)", "the first is given"),
    ("two-to-the-nats", _PERPLEXITY, "perplexity = 2**loss", "2 to a number of nats"),
    (
        "mean-of-pieces",
        _LOSS,
        'loss = float(np.mean([evaluate(model, CrossEntropyLoss(), [p])["loss"] for p in pieces]))',
        "a short piece counts as much as a long one",
    ),
    (
        "scored-in-training",
        _LOSS,
        _AWAKE,
        "dropout is awake",
    ),
    ("halves-shown", _WHOLE, "if piece:", "half a character is shown"),
    ("empty-pieces", _WHOLE, _WHOLE.replace("piece and ", ""), "half a byte is thrown away"),
    ("said-again", _ANEW, "            yield piece", "what was shown is shown again"),
    ("one-by-one", _DECODED, _DECODED.replace("(waiting)", "([token])"), "never put together"),
    ("one-space", _LINES, _LINES.replace("}  {", "} {"), "sha256sum wants two"),
    ("sums-of-names", _LINES, _LINES.replace("sha256(data)", "sha256(name.encode())"), "names"),
    (
        "unsorted-sums",
        _LINES,
        _LINES.replace("sorted(files.items())", "files.items()"),
        "by chance",
    ),
    ("sums-forgotten", _SUMS, "pass", "no checksums are written"),
    ("old-thrown-away", _ASIDE, "        shutil.rmtree(folder, True)\n", "before the new is there"),
    ("missing-ignored", _MISSING, "pass", "a file that is gone is not missed"),
    ("lengths-compared", _CHANGED, "if not files[name] and checksum:", "only emptiness is seen"),
    ("first-problem-only", _SAID, 'raise ValueError(f"{name} has changed")', "one at a time"),
    ("counts-compared", _SHARES, "p, q = counts, expected", "a short text is always different"),
    ("towards-the-usual", _MIDDLE, "middle = q + 1e-9", "no end at 1, and not symmetric"),
    ("natural-logarithm", _THERE, _THERE.replace("log2", "log"), "nats are taken for bits"),
    ("not-halved", _THERE, _THERE.replace(" / 2", ""), "twice as much"),
    ("last-window-lost", _WINDOWS, _WINDOWS.replace(" + 1,", ","), "the last one that fits"),
    ("windows-side-by-side", _WINDOWS, _WINDOWS.replace("max(1, window // 8)", "window"), "few"),
    ("largest-of-all", _QUANTILE, "return max(found)", "one strange window sets the alarm"),
]

MUTANTS = [Mutant(name, "20_capstone", old, new, wrong) for name, old, new, wrong in _MISTAKES]
