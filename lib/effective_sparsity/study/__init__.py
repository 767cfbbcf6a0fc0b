"""A study: its configuration, its files, its tables (no torch: the workflow plans with this)."""
