"""What a study runs."""

import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.study.config import read_config
from effective_sparsity.study.plan import Plan, Share

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


def test_trainings_inside_a_pruner_may_be_shorter_and_are_evaluated_once():
    settings = {"dataset": "mnist", "steps": 960, "evaluate_every": 10}
    recipe = plan(architectures={"lenet-300-100": settings}).round_recipe("lenet-300-100")
    assert (recipe.steps, recipe.milestones, recipe.evaluate_every) == (960, (250, 500, 750), 960)
    short = plan(architectures={"lenet-300-100": settings | {"steps_per_round": 96}})
    recipe = short.round_recipe("lenet-300-100")
    assert (recipe.steps, recipe.milestones, recipe.evaluate_every) == (96, (25, 50, 75), 96)
    assert short.recipe("lenet-300-100").steps == 960


def test_a_pruner_that_trains_takes_its_trainings():
    short, long = (
        plan(architectures={"lenet-300-100": {"dataset": "mnist", "steps_per_round": steps}})
        for steps in (9_600, 96_000)
    )
    of_short, of_long = (study.needs("rank", "lenet-300-100", "imp").seconds for study in (short, long))
    assert of_long > 9 * of_short
    assert of_long > 30 * long.needs("rank", "lenet-300-100", "snip").seconds


def test_levels_are_shared_among_jobs():
    (part,) = plan().study.parts_of("lenet-300-100")
    shares = plan().shares("lenet-300-100")
    assert shares == [Share("{pruner}-1", part, ["10", "20"]), Share("{pruner}-2", part, ["30"])]
    assert [share.pruners for share in shares] == [["{pruner}"]] * 2
    whole = plan(architectures={"lenet-300-100": {"dataset": "mnist"}})
    assert whole.shares("lenet-300-100") == [Share("{pruner}-1", part, ["10", "20", "30"])]


def test_a_job_can_train_the_subnetworks_of_all_pruners():
    settings = {"dataset": "mnist", "levels_per_job": 2, "pruners_per_job": "all"}
    together = plan(architectures={"lenet-300-100": settings})
    shares = together.shares("lenet-300-100")
    assert [(share.name, share.pruners, share.levels) for share in shares] == [
        ("1", ["snip", "lamp"], ["10", "20"]),
        ("2", ["snip", "lamp"], ["30"]),
    ]
    two, one = [together.needs("retrain", "lenet-300-100", share=share) for share in shares]
    assert two.seconds == pytest.approx(2 * one.seconds)


def test_a_job_can_count_the_subnetworks_of_all_pruners():
    settings = {"dataset": "mnist", "pruners_per_job": "all"}
    together = plan(architectures={"lenet-300-100": settings})
    assert together.counting_jobs("lenet-300-100", 0) == {"": ["all"]}
    assert together.counted("lenet-300-100", 0, "all") == ["snip", "lamp"]
    assert together.files("{seed}/{pruner}") == ["0/all", "1/all"]
    assert plan().counting_jobs("lenet-300-100", 0) == {"snip": ["snip"], "lamp": ["lamp"]}
    both, one = [together.needs("subnetworks", "lenet-300-100", name) for name in ("all", "snip")]
    assert both.seconds == pytest.approx(2 * one.seconds)


def test_every_subnetwork_is_planned_once():
    keys = [tuple(keys.values()) for keys in plan().subnetworks("lenet-300-100", 0)]
    assert len(keys) == len(set(keys)) == 2 * 2 * 3
    assert keys[0] == ("snip", "direct", 10.0, "10")


def test_files_of_all_replicates_are_named_once():
    assert plan().files("{architecture}/{seed}") == ["lenet-300-100/0", "lenet-300-100/1"]
    assert len(plan().files("{architecture}/{seed}/{pruner}")) == 4


def test_networks_that_can_train_packed_do_and_need_no_gpu():
    assert plan().engine("lenet-300-100").name == "packed"
    assert plan().engine("lenet-5").name == "packed"
    assert plan().engine("vgg-16").name == "masked"
    assert plan(engine="masked").engine("lenet-300-100").name == "masked"
    assert plan(device="cuda").gpus("lenet-300-100") == 0
    assert plan(device="cuda", engine="masked").gpus("lenet-300-100") == 1
    assert plan(device="cpu", engine="masked").gpus("lenet-300-100") == 0


def test_precision_is_that_of_masked_training():
    assert plan().precision("lenet-300-100") == "float32"
    assert plan(precision="bfloat16").precision("lenet-300-100") == "float32"
    assert plan(precision="bfloat16", engine="masked").precision("lenet-300-100") == "bfloat16"
    assert plan(precision="tf32", engine="masked").precision("lenet-300-100") == "tf32"


def test_jobs_ask_for_what_their_network_levels_and_engine_need():
    lenet_5 = {"lenet-5": {"dataset": "cifar10", "steps": 960}}
    masked = plan(architectures=lenet_5, device="cuda", engine="masked")
    (part,) = masked.study.parts_of("lenet-5")
    one, three = (
        masked.needs("retrain", "lenet-5", share=Share("1", part, ["10"] * count)) for count in (1, 3)
    )
    assert three.seconds == pytest.approx(3 * one.seconds)
    # Of two pruners and two criteria.
    assert masked.needs("train_dense", "lenet-5").seconds == pytest.approx(one.seconds / 4)
    assert [one.gpus, masked.needs("evaluate", "lenet-5").gpus] == [1, 1]
    assert [masked.needs("rank", "lenet-5", name).gpus for name in ("snip", "lamp")] == [1, 0]
    assert masked.needs("subnetworks", "lenet-5").gpus == 0
    packed = plan(device="cuda")
    assert packed.needs("retrain", "lenet-300-100", share=packed.shares("lenet-300-100")[0]).gpus == 0
    assert packed.needs("train_dense", "lenet-300-100").gpus == 0
    with pytest.raises(ValueError, match="stage"):
        packed.needs("retraining", "lenet-300-100")


def test_no_job_asks_for_more_than_the_longest_time():
    long = plan(architectures={"vgg-19": {"dataset": "cifar100"}}, device="cpu", max_hours=7)
    assert long.needs("train_dense", "vgg-19").runtime(attempt=1) == 7 * 60


def test_a_gpu_of_this_machine_says_nothing_about_others():
    with pytest.raises(UserError, match=r"config: device: auto .* add --config device=cuda, or device=cpu"):
        plan().check_device(elsewhere=True)
    plan().check_device(elsewhere=False)
    plan(device="cuda").check_device(elsewhere=True)


def test_the_batches_of_all_networks_on_a_data_set_are_known():
    networks = {"vgg-16": {"dataset": "cifar10", "batch_size": 32}, "lenet-5": {"dataset": "cifar10"}}
    networks["vgg-19"] = {"dataset": "cifar100"}
    assert plan(architectures=networks).batch_sizes("cifar10") == {"vgg-16": 32, "lenet-5": 128}
    assert plan(architectures=networks).recipe("vgg-16").batch_size == 32
    assert plan(architectures=networks, train=False, pruners=["snip"]).batch_sizes("cifar10") == {}


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


PARTS = {
    "many": {"pruners": ["random-snip"], "criteria": ["effective"], "seeds": {"from": 0, "to": 3}},
    "few": {"pruners": ["lamp", "snip"], "criteria": ["direct"], "seeds": [1], "compressions": [40]},
    "counted": {"pruners": ["snip"], "criteria": ["direct"], "seeds": [1, 7], "train": False},
}


def in_parts(**changes) -> Plan:
    return plan(parts=PARTS | changes)


def test_each_part_has_its_own_pruners_criteria_levels_and_seeds():
    parts = in_parts()
    assert parts.seeds("lenet-300-100") == [0, 1, 2, 3, 7]
    named = [(k["pruner"], k["criterion"], k["level"]) for k in parts.subnetworks("lenet-300-100", 1)]
    assert named == [
        *(("random-snip", "effective", level) for level in ("10", "20", "30")),
        ("lamp", "direct", "40"),
        ("snip", "direct", "40"),
        *(("snip", "direct", level) for level in ("10", "20", "30")),
    ]
    assert [k["pruner"] for k in parts.subnetworks("lenet-300-100", 7)] == ["snip"] * 3


def test_only_parts_that_are_trained_have_retraining_jobs():
    names = [share.name for share in in_parts().shares("lenet-300-100")]
    assert names == ["{pruner}-many-1", "{pruner}-many-2", "{pruner}-few-1"]
    assert in_parts().retraining_jobs("lenet-300-100", 1) == {
        "random-snip": ["random-snip-many-1", "random-snip-many-2"],
        "lamp": ["lamp-few-1"],
        "snip": ["snip-few-1"],
    }
    assert in_parts().retraining_jobs("lenet-300-100", 7) == {}
    assert [k["level"] for k in in_parts().subnetworks("lenet-300-100", 1, trained=False)] == [
        "10",
        "20",
        "30",
    ]
    assert in_parts().files("{seed}", trained=True) == ["0", "1", "2", "3"]


def test_a_ranking_serves_the_parts_that_prune_with_it_or_borrow_its_quotas():
    levels = [list(in_parts().levels("lenet-300-100", seed, "snip")) for seed in (0, 1, 7)]
    assert levels == [["10", "20", "30"], ["10", "20", "30", "40"], ["10", "20", "30"]]


def test_the_dense_network_is_trained_where_a_part_looks_at_it():
    assert [in_parts().trains_dense("lenet-300-100", seed) for seed in (0, 1, 7)] == [False, True, False]
    assert plan().trains_dense("lenet-300-100", 0)


def test_more_seeds_leave_every_job_as_it_was():
    """So that nothing that is finished is made again: only the jobs of the new seeds are added."""
    more = in_parts(many=PARTS["many"] | {"seeds": {"from": 0, "to": 9}})
    for seed in (0, 1, 2, 3):
        for pruner in ("snip", "random-snip", "lamp"):
            assert more.levels("lenet-300-100", seed, pruner) == in_parts().levels(
                "lenet-300-100", seed, pruner
            )
    assert [share.name for share in more.shares("lenet-300-100")] == [
        share.name for share in in_parts().shares("lenet-300-100")
    ]


def test_parts_that_have_a_subnetwork_in_common_are_refused():
    with pytest.raises(UserError, match=r"config: parts.twice: has snip, direct, at 40 with seed 1, as few"):
        in_parts(twice={"pruners": ["snip"], "criteria": ["direct"], "seeds": [1], "compressions": [30, 40]})


def test_seeds_are_the_study_s_or_every_part_s():
    with pytest.raises(UserError, match=r"config: parts.counted.seeds: missing"):
        plan(parts={"counted": {"pruners": ["snip"]}}, seeds=None)
    assert plan(seeds={"from": 5, "to": 7}).seeds("lenet-300-100") == [5, 6, 7]
    with pytest.raises(UserError, match="config: seeds: to: 4 gives no seeds from 5 on"):
        plan(seeds={"from": 5, "to": 4})
