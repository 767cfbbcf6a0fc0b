"""The networks of the study: definitions, initial weights, prunable weights."""
