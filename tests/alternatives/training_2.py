"""Nested generators, one long vector for clipping, a state made from bytes, a file from memory."""

BODIES = {
    "train_step": """
        optimizer.zero_grad()
        loss = loss_fn(model(*inputs), targets)
        require_finite("the loss", loss.item())
        loss.backward()
        norm = clip_grad_norm(model.parameters(), max_norm) if max_norm is not None else None
        if norm is not None and not math.isfinite(norm):
            raise FloatingPointError(f"the gradients have the norm {norm}")
        optimizer.step()
        return loss.item(), norm
    """,
    "evaluate": """
        from contextlib import ExitStack

        with ExitStack() as stack:
            stack.callback(model.train if was_training else model.eval)
            model.eval()
            stack.enter_context(no_grad())
            rows = [
                (t.size, loss_fn(outputs, t).item(), count_right(outputs, t))
                for *inputs, t in loader
                for outputs in [model(*inputs)]
            ]
        loss = math.fsum(size * mean for size, mean, _ in rows)
        right = sum(hits for _, _, hits in rows)
        count = sum(size for size, _, _ in rows)
    """,
    "along_cosine": """
        angle = math.pi * float(np.clip(progress, 0, 1))
        return start * math.cos(angle / 2) ** 2 + end * math.sin(angle / 2) ** 2
    """,
    "OneCycle.lr_at": """
        if self.peak > step:
            begin, finish, low, high = 0.0, self.peak, self.start_lr, self.max_lr
        else:
            begin, finish, low, high = self.peak, last, self.max_lr, self.end_lr
        return along_cosine(low, high, (step - begin) / (finish - begin))
    """,
    "clip_grad_norm": """
        if not held:
            return 0.0
        whole = np.concatenate([p.grad.ravel() for p in held])
        total = float(np.linalg.norm(whole))
        if not math.isfinite(total):
            return total
        factor = min(max_norm / (total + 1e-6), 1.0)
        if factor < 1.0:
            ends = np.cumsum([p.grad.size for p in held])[:-1]
            for p, part in zip(held, np.split(whole * factor, ends)):
                p.grad = part.reshape(p.shape)
        return total
    """,
    "fit_steps": """
        from itertools import count

        numbers = count(1)

        def one_epoch(epoch):
            trainer.model.train()
            for place, batch in enumerate(loader, start=1):
                lr = trainer.optimizer.lr
                found = trainer.train_step(*batch)
                if place == len(loader):
                    trainer.epochs_done += 1
                whole = epochs * len(loader)
                shape = batch[-1].shape
                yield TrainingStep(epoch, next(numbers), whole, found[0], shape[0], lr, found[1])

        for epoch in range(epochs):
            yield from one_epoch(epoch + 1)
    """,
    "training_state": """
        parts = {
            "random": random,
            "steps_done": trainer.steps_done,
            "epochs_done": trainer.epochs_done,
            "scheduler": trainer.scheduler and trainer.scheduler.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "model": trainer.model.state_dict(),
        }
        return {name: copy.deepcopy(part) for name, part in parts.items()}
    """,
    "put_back": """
        if bool(state["scheduler"]) != bool(trainer.scheduler):
            raise ValueError("a scheduler is missing")
        trainer.steps_done, trainer.epochs_done = state["steps_done"], state["epochs_done"]
        if state["scheduler"]:
            trainer.scheduler.load_state_dict(state["scheduler"])
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        generator = np.random.default_rng()
        generator.bit_generator.state = state["random"]
        layers._generator = generator
    """,
    "write_checkpoint": """
        import io

        memory = io.BytesIO()
        np.savez_compressed(memory, **arrays)
        whole = memory.getvalue()
        part = path.parent / f".{path.name}.{os.getpid()}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
            handle = os.open(part, flags)
            with os.fdopen(handle, "wb") as file:
                file.write(whole)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    """,
}
