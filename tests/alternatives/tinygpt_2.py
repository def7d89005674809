"""Bodies for `tinygpt.py` with whole-array forms, joins at the end, entropies and recursion."""

BODIES = {
    "pack_tensors": """
        groups: dict[int, list[str]] = {}
        for name, array in ready.items():
            groups.setdefault(array.itemsize, []).append(name)
        order = [name for size in sorted(groups, reverse=True) for name in sorted(groups[size])]
        ends = np.cumsum([ready[name].nbytes for name in order], dtype=np.int64).tolist()
        for name, end in zip(order, ends, strict=True):
            array = ready[name]
            entry = {"dtype": NAMES[array.dtype], "shape": [*array.shape]}
            header[name] = entry | {"data_offsets": [end - array.nbytes, end]}
        body = b"".join(ready[name].tobytes(order="C") for name in order)
        text = json.dumps(header).encode("ascii")
        text = text.ljust((len(text) + 7) // 8 * 8)
    """,
    "split_file": """
        start = memoryview(data)[:8]
        length = sum(byte << 8 * i for i, byte in enumerate(start))
        problems = {
            "it has no length": len(start) < 8,
            "its header is not all there": length + 8 > len(data),
            "its header is too long": length > MOST_HEADER,
        }
        for problem, holds in problems.items():
            if holds:
                raise ValueError(f"no safetensors file: {problem}")
        return bytes(data[8 : length + 8]), bytes(data[length + 8 :])
    """,
    "unpack_tensors": """
        order = sorted(places, key=lambda name: places[name][2:])
        begins = [places[name].begin for name in order]
        ends = [places[name].end for name in order]
        if [0, *ends] != [*begins, len(body)]:
            wrong = next((n for n, b, e in zip(order, begins, [0, *ends]) if b != e), "the end")
            raise ValueError(f"the tensors do not lie one behind the other: see {wrong}")
        for name in order:
            dtype, shape, begin, end = places[name]
            if math.prod(shape) * dtype.itemsize != end - begin:
                raise ValueError(f"{name} of shape {shape} does not have {end - begin} bytes")
            flat = np.frombuffer(body[begin:end], dtype) if end > begin else np.empty(0, dtype)
            arrays[name] = flat.reshape(shape).astype(dtype.newbyteorder("="), copy=True)
    """,
    "batches_of": """
        windows = np.lib.stride_tricks.sliding_window_view(tokens, length + 1)
        rows = np.ascontiguousarray(windows[:: max(length // 2, 1)])
        x, y = rows[:, :length], rows[:, -length:]
        return DataLoader(TensorDataset(x.copy(), y.copy()), batch_size, True, seed=seed)
    """,
    "score": """
        losses = [(evaluate(model, CrossEntropyLoss(), [piece])["loss"], piece) for piece in pieces]
        total = math.fsum(loss * piece[1].size for loss, piece in losses)
        loss = total / sum(piece[1].size for piece in pieces)
        bits = total * math.log2(math.e)
        perplexity = math.e**loss
    """,
    "as_text": """
        stream = iter(tokens)
        while (token := next(stream, None)) is not None:
            waiting.append(token)
            text = tokenizer.decode(waiting)
            if text.rstrip("\\N{REPLACEMENT CHARACTER}") == text != "":
                yield text
                del waiting[:]
    """,
    "write_folder": """
        contents = dict(files)
        pairs = sorted((name, sha256(data)) for name, data in files.items())
        contents[SUMS] = bytes("".join(f"{digits}  {name}\\n" for name, digits in pairs), "utf-8")
        new.mkdir()
        while contents:
            write_file(new / min(contents), contents.pop(min(contents)))
        for source, target in ((folder, old), (new, folder)):
            if source.exists():
                os.replace(source, target)
    """,
    "read_folder": """
        there = {path.name for path in folder.iterdir() if path.is_file()}
        files = {name: (folder / name).read_bytes() for name in wanted.keys() & there}
        problems += [f"{name} is gone" for name in sorted(wanted.keys() - there)]
        found = {name: sha256(data) for name, data in files.items()}
        problems += [f"{name} was changed" for name in found if found[name] != wanted[name]]
        if problems:
            raise ValueError("; ".join(problems))
    """,
    "divergence": """
        def entropy(shares):
            shares = shares[shares > 0]
            return -float(shares @ np.log2(shares))

        p, q = (np.asarray(part, dtype=np.float64) for part in (counts, expected))
        p, q = p / p.sum(), q / q.sum()
        return max(0.0, entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2)
    """,
    "drift_threshold": """
        windows = np.lib.stride_tricks.sliding_window_view(tokens, window)
        windows = windows[:: max(1, window // 8)]
        each = [np.bincount(row, minlength=len(expected)) for row in windows]
        return np.percentile([divergence(row, expected) for row in each], 100 * quantile).item()
    """,
}
