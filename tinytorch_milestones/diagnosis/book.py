"""Every claim there is, in the order of the course and, within a module, of building up."""

from __future__ import annotations

from functools import cache

from tinytorch_milestones.diagnosis import (
    accelerating,
    attending,
    comparing,
    contracts,
    convolutions,
    counting,
    distilling,
    embedding,
    graphs,
    heads,
    layers,
    loading,
    normalizing,
    operations,
    optimizing,
    packing,
    pooling,
    pruning,
    quantized,
    remembering,
    rounding,
    scoring,
    serving,
    sharing,
    tokens,
    trainers,
    transforming,
    watching,
    writing,
)
from tinytorch_milestones.diagnosis.claims import Claim


@cache
def claims() -> tuple[Claim, ...]:
    """Claims by module."""
    formulas = [*operations.TENSORS, *operations.ACTIVATIONS, *operations.LOSSES]
    from_formulas = [claim for formula in formulas for claim in formula.claims()]
    found = [
        *contracts.TENSOR_FIRST,
        *(c for c in from_formulas if c.module != "06"),
        *contracts.TENSOR_LAST,
        *layers.CLAIMS,
        *contracts.LOSS,
        *loading.CLAIMS,
        *graphs.FIRST,
        *(c for c in from_formulas if c.module == "06"),
        layers.DERIVATIVE,
        *graphs.LAST,
        *optimizing.CLAIMS,
        *trainers.CLAIMS,
        *convolutions.CLAIMS,
        *pooling.CLAIMS,
        *normalizing.CLAIMS,
        *tokens.CLAIMS,
        *embedding.CLAIMS,
        *attending.CLAIMS,
        *heads.CLAIMS,
        *transforming.CLAIMS,
        *scoring.CLAIMS,
        *writing.CLAIMS,
        *counting.CLAIMS,
        *watching.CLAIMS,
        *counting.WHOLE,
        *rounding.CLAIMS,
        *quantized.CLAIMS,
        *pruning.CLAIMS,
        *distilling.CLAIMS,
        *accelerating.CLAIMS,
        *sharing.CLAIMS,
        *accelerating.KERNELS,
        *sharing.WHOLE,
        *remembering.CLAIMS,
        *comparing.CLAIMS,
        *packing.CLAIMS,
        *serving.CLAIMS,
        *packing.FOLDERS,
        *serving.WATCHING,
    ]
    return tuple(sorted(found, key=lambda claim: claim.module))
