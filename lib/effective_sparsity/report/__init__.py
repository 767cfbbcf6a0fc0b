"""The report of a study: one HTML file with claims, figures, tables and provenance."""
