"""Gates against sabotaged code."""
