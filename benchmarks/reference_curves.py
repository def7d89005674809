"""Run every part with the reference implementation and keep its curves for the dashboard.

    python benchmarks/reference_curves.py

writes tinytorch_milestones/catalog/curves.json. Run it again whenever a recipe, its settings or
the reference changes.
"""

from __future__ import annotations

import json
from pathlib import Path

from threadpoolctl import threadpool_limits

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.catalog.curves import STORED_VALUES
from tinytorch_milestones.training.evidence import Evidence, thin
from tinytorch_milestones.training.gates import Settled
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.recipes import load_recipe

TARGET = Path(__file__).parent.parent / "tinytorch_milestones" / "catalog" / "curves.json"


def curve(part: Part) -> dict[str, object]:
    """One run with the part's own settings, as a student's would go."""
    recipe = load_recipe(part.recipe)
    settings = recipe.settings(part.settings)
    evidence = Evidence()
    settled = Settled(part.gates, settings.patience)
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        for step in recipe.function(framework, settings):
            evidence.fold(step)
            if settled.after(evidence):
                break
    accuracies = thin(evidence.accuracies, STORED_VALUES)
    return {
        "losses": [round(loss, 5) for loss in thin(evidence.losses, STORED_VALUES)],
        "steps": evidence.steps,
        "accuracies": [[step, round(value, 4)] for step, value in accuracies],
    }


def main() -> None:
    curves = {}
    for milestone in load().all_milestones():
        for part in milestone.parts:
            if not part.coming:
                curves[f"{milestone.id}/{part.id}"] = curve(part)
                print(f"{milestone.id}/{part.id}")
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(c)}" for name, c in curves.items())
    TARGET.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
