"""A study: its configuration, its files, its tables (no torch: the workflow plans with this).

What the Snakefile plans with:

- `include`, `config`: study files, joined and checked;
- `values`, `messages`: the settings of a study file, and what is wrong with them;
- `plan`: the jobs, recipes and files that follow, and `progress`, how many of them are done;
- `resources`: what jobs need;
- `versions`, `code`: what makes results out of date.

What jobs use:

- `job`, `cards`: the log and the graphics card of a job;
- `tables`, `costs`, `provenance`: what a study leaves behind, and `results`, to read it back.
"""
