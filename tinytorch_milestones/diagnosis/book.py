"""Every claim there is, in the order of the course and, within a module, of building up."""

from __future__ import annotations

from functools import cache

from tinytorch_milestones.diagnosis import (
    contracts,
    convolutions,
    graphs,
    layers,
    loading,
    normalizing,
    operations,
    optimizing,
    pooling,
    trainers,
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
    ]
    return tuple(sorted(found, key=lambda claim: claim.module))
