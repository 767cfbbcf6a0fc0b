"""The paper's claims, each a function of the study's tables: `registry` lists, `verdicts` judges them."""

# The tables that the claims are judged by; here, because the workflow plans with it and needs nothing else.
TABLES = ("subnetworks", "dense", "layers", "curves", "costs")
