"""`perf/benchmarking.py` otherwise: loops and lists, sums of clocks, coins tossed by recursion of
Pascal's triangle, quartiles by hand, results compared one number at a time."""

BODIES = {
    "sample": """
        wall, processor = clock()
        done = 0
        while done < calls:
            function()
            done += 1
        later = clock()
        return np.array([(later[0] - wall) / calls, (later[1] - processor) / calls])
    """,
    "enough_calls": """
        for power in range(most.bit_length() - 1):
            tried = 2**power
            if sample(function, tried, clock)[0] * tried >= shortest:
                return tried
        return most
    """,
    "median_interval": """
        row = [1]  # of Pascal's triangle
        for _ in range(n):
            row = [left + right for left, right in zip([0, *row], [*row, 0], strict=True)]
        passed, tail = 0, row[0]
        while passed + 1 < n and 2 * (tail + row[passed + 1]) / 2**n <= 1 - confidence:
            passed += 1
            tail += row[passed]
        remaining = sorted(map(float, values))
        for _ in range(passed):
            remaining = remaining[1:-1]
        return remaining[0], remaining[-1]
    """,
    "outliers": """
        ordered, found = sorted(values.tolist()), []

        def quantile(share):
            place = share * (len(ordered) - 1)
            below = math.floor(place)
            above = min(below + 1, len(ordered) - 1)
            return ordered[below] + (place - below) * (ordered[above] - ordered[below])

        lower, upper = quantile(0.25), quantile(0.75)
        distance = upper - lower
        for value in values.tolist():
            found.append(max(value - upper, lower - value) > far * distance)
        return np.array(found, dtype=bool)
    """,
    "turns": """
        result = []
        for turn in range(rounds):
            places = [(turn // 2 + i) % len(names) for i in range(len(names))]
            if turn % 2:
                places.reverse()
            result.append([names[place] for place in places])
        return result
    """,
    "collect": """
        for name in programs:
            left = warm_up
            while left > 0:
                programs[name]()
                left -= 1
            calls[name] = enough_calls(programs[name], shortest, clock)
        lists = {name: [] for name in programs}
        for order in turns(tuple(programs), repeats):
            for name in order:
                lists[name].append(sample(programs[name], calls[name], clock))
        for name, found in lists.items():
            for i, pair in enumerate(found):
                seconds[name][i, 0], seconds[name][i, 1] = pair
    """,
    "speed_up": """
        ratios = [float(old) / float(new) for old, new in zip(baseline, seconds, strict=True)]
        low, high = median_interval(ratios, confidence)
        ordered, half = sorted(ratios), len(ratios) // 2
        middle = ordered[half] if len(ratios) % 2 else (ordered[half - 1] + ordered[half]) / 2
        return middle, low, high
    """,
    "verdict": """
        if low <= 1 <= high:
            return "no difference shown"
        return "slower" if low < 1 else "faster"
    """,
    "apart": """
        if expected.shape != got.shape:
            return float("inf")
        farthest, largest = 0.0, 0.0
        for one, other in zip(expected.ravel().tolist(), got.ravel().tolist(), strict=True):
            if math.isfinite(one):
                largest = max(largest, abs(one))
            if one == other:
                continue
            if not math.isfinite(one) or not math.isfinite(other):
                return float("inf")
            farthest = max(farthest, abs(float(one) - float(other)))
        if farthest == 0:
            return 0.0
        return farthest / largest if largest else float("inf")
    """,
}
