"""Recipes and what judges them. Only this package and `checks/` ever meet a student's `tinytorch`.

Importing it loads nothing; see `implementation`, `recipes`, `evidence` and `gates`.
"""
