"""Figures of the study, from its tables alone: `registry` lists them, `save` writes them."""
