"""The paper's claims, judged by a study's tables (no torch). docs/claims.md says why they are judged so.

registry      the claims: statement, criterion, and the function that measures its parts
discrepancy   claims 1 to 3: effective against direct compression
frames        claim 4: what the frame of comparison changes
extension     claim 5: effective pruning hits its target, at low cost
comparisons   claims 6 and 7: which pruner is better
selection     rows of the tables and levels that several claims look at
evidence      from one value per seed to a verdict: bounds and Holm's correction
verdicts      all claims and measurements as tables
page          the same as a page to read
"""

# The tables that the claims are judged by; here, because the workflow plans with it and needs nothing else.
TABLES = ("subnetworks", "layers", "costs")
