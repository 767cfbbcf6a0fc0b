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


def test_levels_are_shared_among_jobs():
    any_pruner = ["{pruner}"]
    assert plan().shares("lenet-300-100") == [
        Share("{pruner}-1", any_pruner, ["10", "20"]),
        Share("{pruner}-2", any_pruner, ["30"]),
    ]
    whole = plan(architectures={"lenet-300-100": {"dataset": "mnist"}})
    assert whole.shares("lenet-300-100") == [Share("{pruner}-1", any_pruner, ["10", "20", "30"])]


def test_a_job_can_train_the_subnetworks_of_all_pruners():
    settings = {"dataset": "mnist", "levels_per_job": 2, "pruners_per_job": "all"}
    together = plan(architectures={"lenet-300-100": settings})
    shares = together.shares("lenet-300-100")
    assert shares == [Share("1", ["snip", "lamp"], ["10", "20"]), Share("2", ["snip", "lamp"], ["30"])]
    two, one = [together.needs("retrain", "lenet-300-100", share=share) for share in shares]
    assert two.seconds == pytest.approx(2 * one.seconds)


def test_every_subnetwork_is_planned_once():
    keys = [tuple(keys.values()) for keys in plan().subnetworks("lenet-300-100")]
    assert len(keys) == len(set(keys)) == 2 * 2 * 3
    assert keys[0] == ("snip", "direct", 10.0, "10")


def test_files_of_all_replicates_are_named_once():
    assert plan().files("{architecture}/{seed}") == ["lenet-300-100/0", "lenet-300-100/1"]
    assert len(plan().files("{architecture}/{seed}/{pruner}")) == 4


def test_networks_that_can_train_packed_do_and_need_no_gpu():
    assert plan().engine("lenet-300-100") == "packed"
    assert plan().engine("lenet-5") == "packed"
    assert plan().engine("vgg-16") == "masked"
    assert plan(engine="masked").engine("lenet-300-100") == "masked"
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
    one, three = (
        masked.needs("retrain", "lenet-5", share=Share("1", ["snip"], ["10"] * count)) for count in (1, 3)
    )
    assert three.seconds == pytest.approx(3 * one.seconds)
    assert masked.needs("train_dense", "lenet-5").seconds == pytest.approx(one.seconds / 2)  # one criterion
    assert [one.gpus, masked.needs("evaluate", "lenet-5").gpus] == [1, 1]
    assert [masked.needs("rank", "lenet-5", name).gpus for name in ("snip", "lamp")] == [1, 0]
    assert masked.needs("subnetworks", "lenet-5").gpus == 0
    packed = plan(device="cuda")
    assert packed.needs("retrain", "lenet-300-100", share=Share("1", ["snip"], ["10"])).gpus == 0
    assert packed.needs("train_dense", "lenet-300-100").gpus == 0
    with pytest.raises(ValueError, match="stage"):
        packed.needs("retraining", "lenet-300-100")


@pytest.mark.parametrize(
    ("dataset", "images"),
    [
        ("cifar10", (50_000, 10_000)),
        ("mine", (100_000, 10_000)),
        ("jpeg", (50_000, 10_000)),
    ],
)
def test_data_sets_of_the_user_s_have_as_many_images_as_can_be_known(dataset, images):
    own = {
        "mine": {"image_folder": "photos", "size": [32, 32], "classes": 3},
        "jpeg": {"variant_of": "cifar10", "files": {"a.tar": f"md5:{0:032}"}},
    }
    of_own = plan(datasets=own, architectures={"lenet-5": {"dataset": dataset}})
    registered = plan(architectures={"lenet-5": {"dataset": "cifar10"}})
    same = of_own.needs("evaluate", "lenet-5") == registered.needs("evaluate", "lenet-5")
    assert same == (images == (50_000, 10_000))


def test_no_job_asks_for_more_than_the_longest_time():
    long = plan(architectures={"vgg-19": {"dataset": "cifar100"}}, device="cpu", max_hours=7)
    assert long.needs("train_dense", "vgg-19").runtime(attempt=1) == 7 * 60


def test_a_gpu_of_this_machine_says_nothing_about_others():
    with pytest.raises(UserError, match=r"config: device: auto .* add --config device=cuda, or device=cpu"):
        plan().check_device(elsewhere=True)
    plan().check_device(elsewhere=False)
    plan(device="cuda").check_device(elsewhere=True)


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
