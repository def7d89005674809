"""`perf/benchmarking.py` otherwise: arrays and logarithms, a generator that picks from both ends,
everything warmed up by comprehensions, one sort for both median and interval."""

BODIES = {
    "sample": """
        stamps = np.zeros((2, 2))
        stamps[0] = clock()
        for _call in itertools.repeat(None, calls):
            function()
        stamps[1] = clock()
        return np.diff(stamps, axis=0)[0] / calls
    """,
    "enough_calls": """
        powers = itertools.takewhile(most.__gt__, (1 << i for i in itertools.count()))
        reached = (c for c in powers if not float(sample(function, c, clock)[0]) * c < shortest)
        return next(reached, most)
    """,
    "median_interval": """
        allowed = (1 - confidence) * 2**n
        counts = list(itertools.accumulate(math.comb(n, k) for k in range(n // 2 + 1)))
        cut = max(i for i, count in enumerate(counts) if 2 * count <= allowed)
        parted = np.partition(np.array(values, dtype=np.float64), [cut, n - 1 - cut])
        return parted[cut].item(), parted[n - 1 - cut].item()
    """,
    "outliers": """
        lower = np.percentile(values, 25)
        upper = np.percentile(values, 75)
        inside = np.logical_and(
            values >= lower - far * (upper - lower), values <= upper + far * (upper - lower)
        )
        return ~inside
    """,
    "turns": """
        endless, size = itertools.cycle(names), len(names)
        pairs = []
        while len(pairs) < rounds:
            order = list(itertools.islice(endless, size))
            next(endless)  # so that the next pair begins one later
            pairs += [order, list(reversed(order))]
        return pairs[:rounds]
    """,
    "collect": """
        for name, function in programs.items():
            [function() for _ in range(warm_up)]
            calls.update({name: enough_calls(function, shortest, clock)})
        order = [(i, name) for i, one in enumerate(turns(list(programs), repeats)) for name in one]
        for i, name in order:
            np.copyto(seconds[name][i], sample(programs[name], calls[name], clock))
    """,
    "speed_up": """
        each = np.divide(baseline, seconds)
        return (float(np.quantile(each, 0.5)), *median_interval(each.tolist(), confidence))
    """,
    "verdict": """
        said = {(True, True): "faster", (False, False): "slower"}
        return said.get((low > 1, high >= 1), "no difference shown")
    """,
    "apart": """
        with np.errstate(invalid="ignore"):
            if expected.shape != got.shape:
                return math.inf
            a, b = np.float64(expected), np.float64(got)
            distances = np.where(a == b, 0.0, np.abs(np.subtract(a, b)))
            if not np.isfinite(distances).all():
                return math.inf
            farthest = float(np.max(distances, initial=0.0))
            scale = float(np.max(np.abs(a), where=np.isfinite(a), initial=0.0))
        return 0.0 if farthest == 0 else math.inf if scale == 0 else farthest / scale
    """,
}
