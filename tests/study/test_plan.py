"""What a study runs."""

import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.study.config import read_config
from effective_sparsity.study.plan import Plan

CONFIG = {
    "study": "test",
    "architectures": {"lenet-300-100": {"dataset": "mnist", "steps": 960, "levels_per_job": 2}},
    "pruners": ["snip", "lamp"],
    "compressions": [10, 20, 30],
    "seeds": [0, 1],
}


def plan(**changes) -> Plan:
    return Plan(read_config(CONFIG | changes))


def test_recipes_are_the_paper_s_shortened_in_proportion():
    recipe = plan().recipe("lenet-300-100")
    assert (recipe.steps, recipe.milestones) == (960, (250, 500, 750))
    full = plan(architectures={"lenet-300-100": {"dataset": "mnist"}}).recipe("lenet-300-100")
    assert (full.steps, full.milestones) == (96_000, (25_000, 50_000, 75_000))


def test_levels_are_shared_among_jobs():
    assert plan().shares("lenet-300-100") == [["10", "20"], ["30"]]
    whole = plan(architectures={"lenet-300-100": {"dataset": "mnist"}})
    assert whole.shares("lenet-300-100") == [["10", "20", "30"]]


def test_every_subnetwork_is_planned_once():
    keys = [tuple(keys.values()) for keys in plan().subnetworks("lenet-300-100")]
    assert len(keys) == len(set(keys)) == 2 * 2 * 3
    assert keys[0] == ("snip", "direct", 10.0, "10")


def test_files_of_all_replicates_are_named_once():
    assert plan().files("{architecture}/{seed}") == ["lenet-300-100/0", "lenet-300-100/1"]
    assert len(plan().files("{architecture}/{seed}/{pruner}")) == 4


def test_fully_connected_networks_train_packed_and_need_no_gpu():
    assert plan().engine("lenet-300-100") == "packed"
    assert plan(engine="masked").engine("lenet-300-100") == "masked"
    assert plan(device="cuda").gpus("lenet-300-100") == 0
    assert plan(device="cuda", engine="masked").gpus("lenet-300-100") == 1
    assert plan(device="cpu", engine="masked").gpus("lenet-300-100") == 0


def test_precision_is_that_of_masked_training():
    assert plan().precision("lenet-300-100", "masked") == "float32"
    assert plan(precision="bfloat16").precision("lenet-300-100") == "float32"
    assert plan(precision="bfloat16").precision("lenet-300-100", "masked") == "bfloat16"
    assert plan(precision="tf32", engine="masked").precision("lenet-300-100") == "tf32"


def test_preparing_a_data_set_of_the_user_s_takes_its_settings():
    own = plan(datasets={"mine": {"image_folder": "photos", "size": [8, 9], "classes": 3}})
    assert own.own_dataset("mine") == {"image_folder": "photos", "size": (8, 9), "classes": 3}
    assert own.own_dataset("mnist") == {}


@pytest.mark.parametrize("key", ["results", "data"])
def test_folders_that_cannot_be_written_are_one_line(key, tmp_path):
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file/folder")
    with pytest.raises(UserError, match=f"config: {key}: .* cannot be written .*; name another folder"):
        plan(**{key: folder}).check_folders()
    plan(**{key: str(tmp_path / "new/folder")}).check_folders()
    with pytest.raises(UserError, match=f"config: {key}: xxx.*: File name too long; name another folder"):
        plan(**{key: 300 * "x"}).check_folders()
