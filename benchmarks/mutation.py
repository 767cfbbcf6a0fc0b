"""How many small errors in the numerical core the tests find: python benchmarks/mutation.py [GROUP...].

Each mutant changes one operator, comparison or constant of the last commit, at a place drawn at random, and
the tests of its group run until one fails. A mutant that none of them notices survives: its change is
printed, to be judged by hand. `cosmic-ray` must be on the path, from an environment of its own.
"""

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# Modules and tests of each group.
GROUPS = {
    "connectivity": (
        "connectivity/orders connectivity/curves connectivity/semiring connectivity/windows "
        "connectivity/kernels connectivity/vectors",
        "connectivity/test_semiring connectivity/test_windows connectivity/test_vectors "
        "connectivity/test_orders connectivity/test_curves connectivity/test_exactness",
    ),
    "pruning": (
        "pruning/allocations pruning/orders pruning/magnitude pruning/ranking pruning/subnetworks "
        "pruning/iterative",
        "pruning/test_allocations pruning/test_orders pruning/test_magnitude pruning/test_ranking "
        "pruning/test_subnetworks pruning/test_iterative",
    ),
    "claims": (
        "claims/evidence claims/frames claims/discrepancy claims/comparisons claims/extension "
        "claims/selection figures/statistics",
        "claims/test_evidence figures/test_statistics claims/test_verdicts",
    ),
    "training": (
        "training/loop training/batches training/augmentation networks/recipe",
        "training/test_batches training/test_augmentation networks/test_recipe training/test_masked "
        "training/test_engines training/packed/test_engine",
    ),
}
# `a | b` is mostly an annotation.
_LEFT_OUT = "core/ReplaceBinaryOperator_BitOr"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="group", help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--places", type=int, default=40, help="mutants for each group (default: 40)")
    options = parser.parse_args()
    for group in options.groups or GROUPS:
        _examine(group, options.places)


def _examine(group: str, places: int) -> None:
    modules, tests = (names.split() for names in GROUPS[group])
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", "HEAD"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
        files = [f"tests/{name}.py" for name in tests]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
        lines = [
            "[cosmic-ray]",
            f"module-path = {[f'lib/effective_sparsity/{name}.py' for name in modules]}",
            "timeout = 300.0",
            "excluded-modules = []",
            f'test-command = "{" ".join(command)}"',
            '[cosmic-ray.distributor]\nname = "local"',
        ]
        (Path(folder) / "mutation.toml").write_text("\n".join(lines))
        environment = os.environ | {"PYTHONPATH": f"{folder}/lib", "OMP_NUM_THREADS": "1"}
        session = ["mutation.toml", "mutation.sqlite"]
        subprocess.run(["cosmic-ray", "init", *session], cwd=folder, check=True)
        with sqlite3.connect(Path(folder) / "mutation.sqlite") as database:
            _sample(database, places)
        subprocess.run(["cosmic-ray", "exec", *session], cwd=folder, env=environment, check=True)
        with sqlite3.connect(Path(folder) / "mutation.sqlite") as database:
            _report(group, database)


def _sample(database: sqlite3.Connection, places: int) -> None:
    """Keeps one mutant at each of some places."""
    mutants = defaultdict(list)
    place = "module_path, start_pos_row, start_pos_col"
    order = f"{place}, operator_name, occurrence"
    for job, operator, *where in database.execute(
        f"SELECT job_id, operator_name, {place} FROM mutation_specs ORDER BY {order}"
    ):
        if not operator.startswith(_LEFT_OUT):
            mutants[tuple(where)].append(job)
    draw = random.Random(0)
    kept = [draw.choice(mutants[place]) for place in draw.sample(sorted(mutants), min(places, len(mutants)))]
    for table in ("mutation_specs", "work_items"):
        database.execute(f"DELETE FROM {table} WHERE job_id NOT IN ({','.join('?' * len(kept))})", kept)


def _report(group: str, database: sqlite3.Connection) -> None:
    results = database.execute("SELECT test_outcome, diff FROM work_results").fetchall()
    survivors = [diff for outcome, diff in results if outcome == "SURVIVED"]
    print(f"{group}: {len(results) - len(survivors)} of {len(results)} mutants found")
    print("\n".join(survivors), flush=True)


if __name__ == "__main__":
    main()
