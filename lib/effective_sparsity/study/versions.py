"""Versions of the steps.

Raise one when a change of the code changes what the step computes: everything that depends on it is then made
again. Edits that change no result leave it, so that nobody retrains for a comment.
"""

INITIAL = 1
RANKING = 1
SUBNETWORKS = 1
TRAINING = 1
EVALUATION = 1
CLAIMS = 1
REPORT = 1
