"""Figures of the study, one function each, from its tables alone: `registry` lists them, `save` writes them."""
