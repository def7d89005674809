"""Texts to learn from, written for this course by generators with a seed.

`stories` are short tales for children with a small vocabulary; `functions` are short Python
functions whose docstring says exactly what they do. Both keep some of their combinations back, so
that a model can be asked for what it has never read. Nothing here needs more than Python itself,
except `counting`, which uses numpy.

    from tinytorch_milestones.corpora.functions import functions
    corpus = functions()
    corpus.training      # one long text
    corpus.prompts       # held-out functions, by what was held out
"""
