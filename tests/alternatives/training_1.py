"""Plain loops and Python numbers: tables, while loops, an archive written entry by entry."""

BODIES = {
    "train_step": """
        for parameter in model.parameters():
            parameter.grad = None
        outputs = model(*inputs)
        loss = loss_fn(outputs, targets)
        number = float(loss.data)
        if number != number or abs(number) == math.inf:
            raise FloatingPointError(f"this batch gave a loss of {number}; no weight was changed")
        loss.backward()
        if max_norm is None:
            optimizer.step()
            return number, None
        length = clip_grad_norm(optimizer.parameters, max_norm)
        require_finite("the length of the gradient", length)
        optimizer.step()
        return number, length
    """,
    "evaluate": """
        waiting, modes = [model], []
        while waiting:
            part = waiting.pop()
            modes.append((part, part.training))
            waiting += [inner for _, inner in part.members() if isinstance(inner, Layer)]
        model.eval()
        switch = no_grad()
        switch.__enter__()
        try:
            for batch in loader:
                targets = batch[-1]
                outputs = model(*batch[:-1])
                share = float(targets.size)
                loss = loss + share * float(loss_fn(outputs, targets).data)
                right = right + count_right(outputs, targets)
                count = count + share
        finally:
            switch.__exit__(None, None, None)
            for part, mode in modes:
                part.training = mode
    """,
    "along_cosine": """
        if progress <= 0:
            return start
        if progress >= 1:
            return end
        share = 0.5 - 0.5 * math.cos(progress * math.pi)
        return (1 - share) * start + share * end
    """,
    "OneCycle.lr_at": """
        up, down = self.peak, last - self.peak
        if up > 0 and step <= up:
            return along_cosine(self.start_lr, self.max_lr, 1 - (up - step) / up)
        return along_cosine(self.end_lr, self.max_lr, (last - step) / down)
    """,
    "clip_grad_norm": """
        squares = 0.0
        for parameter in held:
            wide = parameter.grad.astype(np.float64)
            squares += float((wide * wide).sum())
        length = squares**0.5
        if not np.isfinite(length) or length <= max_norm:
            return length
        for parameter in held:
            parameter.grad = (parameter.grad / (length / max_norm)).astype(parameter.dtype)
        return length
    """,
    "fit_steps": """
        total = len(loader) * epochs
        done = 0
        while done < total:
            trainer.model.train()
            epoch = done // len(loader) + 1
            for *inputs, targets in loader:
                rate = float(trainer.optimizer.lr)
                loss, length = trainer.train_step(*inputs, targets)
                done += 1
                trainer.epochs_done += done % len(loader) == 0
                yield TrainingStep(
                    epoch=epoch,
                    step=done,
                    steps=total,
                    loss=loss,
                    samples=targets.shape[0],
                    lr=rate,
                    grad_norm=length,
                )
    """,
    "training_state": """
        state = {"random": copy.deepcopy(random)}
        for name in ("epochs_done", "steps_done"):
            state[name] = int(getattr(trainer, name))
        for name in ("model", "optimizer", "scheduler"):
            part = getattr(trainer, name)
            state[name] = None if part is None else unpack(
                {key: array.copy() for key, array in pack(part.state_dict()).items()}
            )
        return state
    """,
    "put_back": """
        layers._generator.bit_generator.state = state["random"]
        for name in ("epochs_done", "steps_done"):
            setattr(trainer, name, state[name])
        for name in ("scheduler", "optimizer", "model"):
            part, saved = getattr(trainer, name), state[name]
            if part is None and saved is None:
                continue
            if part is None or saved is None:
                raise ValueError(f"no {name} on one side")
            part.load_state_dict(saved)
    """,
    "write_checkpoint": """
        import tempfile

        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            whole = Path(folder) / "new"
            with zipfile.ZipFile(whole, "w") as archive:
                for name, array in arrays.items():
                    with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, array, allow_pickle=False)
            os.rename(whole, path)
    """,
}
