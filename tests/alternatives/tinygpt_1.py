"""Bodies for `tinygpt.py` with loops over single tokens, `struct`, and shell tools' manners."""

BODIES = {
    "pack_tensors": """
        names = sorted(ready)
        names.sort(key=lambda name: ready[name].dtype.itemsize, reverse=True)
        for name in names:
            rows = np.ascontiguousarray(ready[name]).reshape(-1).view(np.uint8)
            start = len(body)
            body.extend(rows.tolist())
            shape = [int(n) for n in ready[name].shape]
            offsets = [start, start + int(rows.size)]
            kind = next(k for k, dtype in DTYPES.items() if dtype == ready[name].dtype)
            header[name] = {"data_offsets": offsets, "shape": shape, "dtype": kind}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        while len(text) % 8:
            text += b" "
    """,
    "split_file": """
        import struct

        try:
            (length,) = struct.unpack_from("<Q", data)
        except struct.error:
            raise ValueError("the file is shorter than 8 bytes") from None
        header, body = data[8 : 8 + length], data[8 + length :]
        if len(header) < length or length > MOST_HEADER:
            raise ValueError(f"there are not {length} bytes of header")
        return header, body
    """,
    "unpack_tensors": """
        waiting = dict(places)
        while waiting:
            name = min(waiting, key=lambda n: (waiting[n].begin, waiting[n].end))
            place = waiting.pop(name)
            count = 1
            for n in place.shape:
                count *= n
            stop = last + count * place.dtype.itemsize
            if (place.begin, place.end) != (last, stop):
                raise ValueError(f"{name} must lie in {last} to {stop}, not {place.begin} ...")
            piece = body[last:stop]
            if len(piece) < stop - last:
                raise ValueError(f"the bytes of {name} are not all there")
            numbers = np.empty(count, dtype=place.dtype)
            numbers.view(np.uint8)[:] = list(piece)
            arrays[name] = numbers.reshape(place.shape).astype(place.dtype.newbyteorder("="))
            last = stop
        if body[last:]:
            raise ValueError("more bytes than tensors")
    """,
    "batches_of": """
        inputs, targets = [], []
        start = 0
        while start + length < len(tokens):
            inputs.append([int(token) for token in tokens[start : start + length]])
            targets.append([int(token) for token in tokens[start + 1 : start + length + 1]])
            start += length // 2 or 1
        rows = (np.array(part, dtype=np.int32) for part in (inputs, targets))
        return DataLoader(TensorDataset(*rows), batch_size=batch_size, shuffle=True, seed=seed)
    """,
    "score": """
        was_training, nats, count = model.training, 0.0, 0
        model.eval()
        for inputs, targets in pieces:
            logits = model(inputs).data.astype(np.float64)
            logits = logits - logits.max(axis=-1, keepdims=True)
            shares = np.exp(logits)
            shares = shares / shares.sum(axis=-1, keepdims=True)
            said = np.take_along_axis(shares, targets.data[..., np.newaxis], axis=-1)
            nats -= float(np.log(said).sum())
            count += targets.size
        if was_training:
            model.train()
        loss, bits = nats / count, nats / math.log(2)
        perplexity = 2 ** (bits / count)
    """,
    "as_text": """
        for token in tokens:
            waiting = [*waiting, token]
            text = tokenizer.decode(waiting)
            if text == "" or text[-1] == chr(0xFFFD):
                continue
            waiting.clear()
            yield text
    """,
    "write_folder": """
        os.mkdir(new)
        sums = ""
        for name in sorted(files):
            sums += hashlib.sha256(files[name]).hexdigest() + "  " + name + "\\n"
            write_file(new / name, files[name])
        write_file(new / SUMS, sums.encode())
        try:
            os.replace(folder, old)
        except FileNotFoundError:
            pass
        os.replace(str(new), str(folder))
    """,
    "read_folder": """
        for name in sorted(wanted):
            try:
                data = (folder / name).read_bytes()
            except OSError:
                problems += [f"{name} cannot be read"]
            else:
                files[name] = data
                if hashlib.sha256(data).hexdigest() != wanted[name]:
                    problems += [f"{name} is not the same any more"]
        if problems:
            raise ValueError(", ".join(problems))
    """,
    "divergence": """
        total = 0.0
        n, m = int(counts.sum()), int(expected.sum())
        for a, b in zip(counts.tolist(), expected.tolist(), strict=True):
            p, q = a / n, b / m
            if p:
                total += p * math.log2(2 * p / (p + q))
            if q:
                total += q * math.log2(2 * q / (p + q))
        return total / 2
    """,
    "drift_threshold": """
        step, start, found = max(window // 8, 1), 0, []
        while start + window <= len(tokens):
            counts = np.zeros(len(expected))
            np.add.at(counts, tokens[start : start + window], 1)
            found.append(divergence(counts, expected))
            start += step
        found.sort()
        place = quantile * (len(found) - 1)
        low = int(place)
        high = min(low + 1, len(found) - 1)
        return found[low] + (found[high] - found[low]) * (place - low)
    """,
}
