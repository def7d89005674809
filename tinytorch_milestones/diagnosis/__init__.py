"""Find the guilty module: compare a student's operations with numpy, and swap modules in turn.

`claims` say what each module must do, as short programs with the right result; `examiner` runs
them and shrinks what fails to the smallest input that fails; `swaps` re-runs a recipe with one
reference module in place of the student's; `conclusion` puts both together.
"""
