"""Run every part with the reference implementation and keep its curves for the dashboard.

    python benchmarks/reference_curves.py [MILESTONE ...]

writes tinytorch_milestones/catalog/curves.json; with names only these milestones are run, and the
other curves stay. Run it again whenever a recipe, its settings or the reference changes.
"""

from __future__ import annotations

import json
import sys
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


def main(chosen: list[str]) -> None:
    kept = json.loads(TARGET.read_text(encoding="utf-8")) if chosen else {}
    curves = {}
    for milestone in load().all_milestones():
        for part in milestone.parts:
            name = f"{milestone.id}/{part.id}"
            if chosen and milestone.id not in chosen:
                if name in kept:
                    curves[name] = kept[name]
            elif not part.coming:
                curves[name] = curve(part)
                print(name)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(c)}" for name, c in curves.items())
    TARGET.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
