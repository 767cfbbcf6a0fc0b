from dataclasses import replace
from pathlib import Path

import numpy as np

from effective_sparsity.training.execution import Execution


def test_a_run_is_identified_by_everything_that_decides_its_result(small_data, recipe, run):
    base = run(small_data, recipe())
    runs = [
        base,
        replace(base, recipe=recipe(momentum=0.8)),
        replace(base, seed=1),
        replace(base, execution=Execution(precision="bfloat16")),
        replace(base, dataset=replace(small_data, std=(0.3,))),
        replace(base, dataset=replace(small_data, train_images=255 - small_data.train_images)),
        replace(base, dataset=replace(small_data, test_labels=small_data.test_labels[::-1])),
    ]
    identities = {each.identity("a", {}, []) for each in runs}
    networks = [("b", {}, []), ("a", {"weight": np.zeros(2)}, []), ("a", {}, [{}])]
    identities |= {base.identity(*network) for network in networks}
    assert len(identities) == len(runs) + len(networks)


def test_where_it_runs_is_no_part_of_its_identity(small_data, recipe, run):
    here, there = run(small_data, recipe()), run(small_data, recipe(), device="cuda", threads=3, compile=True)
    assert here.identity("a", {}, []) == there.identity("a", {}, [])


def test_a_run_in_a_folder_has_a_file_there(small_data, recipe, run):
    assert run(small_data, recipe()).in_folder("a").work is None
    assert run(small_data, recipe(), work=Path("b")).in_folder("a").work == Path("b/a.safetensors")
