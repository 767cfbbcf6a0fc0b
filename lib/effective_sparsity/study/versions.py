"""Versions of the steps.

Raise one when a change of the code changes what the step computes: everything that depends on it is then made
again. Edits that change no result leave it, so that nobody retrains for a comment.
"""

INITIAL = 1
CONNECTIVITY = 1
RANKING = 2
SUBNETWORKS = 2
TRAINING = 1
EVALUATION = 2
CLAIMS = 1
REPORT = 1
