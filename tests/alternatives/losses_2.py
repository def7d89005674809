"""Loops over examples and np.take_along_axis; the loss as log-sum-exp minus the right score."""

BODIES = {
    "matched_target": """
        if np.shape(target) == np.shape(prediction):
            return np.array(target, dtype=prediction.dtype)
        raise ValueError(f"target {np.shape(target)}, prediction {np.shape(prediction)}")
    """,
    "mse": """
        return ((prediction - target) ** 2).mean()
    """,
    "binary_cross_entropy": """
        total = 0.0
        for p, t in zip(probability.ravel(), target.ravel()):
            if t != 0:
                total -= t * (max(float(np.log(p)), -100.0) if p > 0 else -100.0)
            if t != 1:
                total -= (1 - t) * (max(float(np.log1p(-p)), -100.0) if p < 1 else -100.0)
        return probability.dtype.type(total / probability.size)
    """,
    "pick": """
        return np.take_along_axis(scores, classes.reshape(-1, 1), axis=1).reshape(-1)
    """,
    "log_sum_exp": """
        total = scores[:, 0].copy()
        for column in scores.T[1:]:
            total = np.logaddexp(total, column)
        return total
    """,
    "cross_entropy": """
        losses = log_sum_exp(scores) - right
        return losses.sum() / losses.dtype.type(losses.size)
    """,
    "smoothed": """
        result = np.zeros_like(right)
        for i, row in enumerate(scores):
            result[i] = right[i] * (1 - label_smoothing)
            for score in row:
                result[i] += score * label_smoothing / len(row)
        return result
    """,
}
