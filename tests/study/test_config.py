"""Configurations: defaults, and one clear line for whatever is wrong."""

import copy
from itertools import chain

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS, SINCE_2021, Pruner, named
from effective_sparsity.study.config import ArchitectureConfig, read_config
from effective_sparsity.study.include import with_included
from effective_sparsity.study.plan import Plan

GOOD = yaml.safe_load("""
study: test
architectures: {lenet-300-100: {dataset: mnist}}
compressions: [100, 10.0, 31.6227766]
seeds: [0]
""")


def changed(**changes) -> dict:
    return copy.deepcopy(GOOD) | changes


def part_of(study, architecture):
    """The one part of a study without parts."""
    (part,) = study.parts_of(architecture)
    return part


def test_what_is_not_given_has_its_default():
    study = read_config(GOOD)
    assert study.criteria == ["direct", "effective"]
    assert study.snip_loss == "cross-entropy"
    assert len(part_of(study, "lenet-300-100").pruners) == 13


def study_file(root, name: str):
    return read_config(with_included({"include": name}, root))


def test_studies_of_the_project_are_valid(root):
    for path in [root / "config.yaml", *root.glob("studies/**/*.yaml")]:
        assert study_file(root, str(path)).study == path.stem.replace("config", "default")


def test_the_paper_s_study_has_its_whole_grid(root):
    study = study_file(root, "studies/paper.yaml")
    pruners = [len(part_of(study, architecture).pruners) for architecture in study.architectures]
    assert dict(zip(study.architectures, pruners, strict=True)) == {
        "lenet-300-100": 13,
        "lenet-5": 15,
        "vgg-16": 15,
        "vgg-19": 15,
        "resnet-18": 15,
    }
    for architecture in study.architectures:
        assert Plan(study).recipe(architecture) == NETWORKS[architecture].recipe
        assert 20 < len(part_of(study, architecture).levels) < 35


def test_the_curves_study_has_all_pruners_that_need_no_training(root):
    study = study_file(root, "studies/curves.yaml")
    assert part_of(study, "lenet-300-100").pruners == [
        name for name in named("all") if not (PRUNERS[name].needs_trained or PRUNERS[name].convolutional_only)
    ]
    assert len(part_of(study, "lenet-5").pruners) == 11
    large = {name: set(part_of(study, name).pruners) for name in ("vgg-16", "vgg-19", "resnet-18")}
    assert not any(PRUNERS[name].needs_data for name in large["vgg-19"] | large["resnet-18"])
    assert large["vgg-16"] - large["vgg-19"] == {"snip", "random-snip", "grasp"}


def test_pruners_are_the_paper_s_unless_all_are_asked_for():
    convolutional = {"lenet-5": {"dataset": "cifar10"}}
    of_the_paper = part_of(read_config(changed(architectures=convolutional)), "lenet-5").pruners
    everything = part_of(read_config(changed(architectures=convolutional, pruners="all")), "lenet-5").pruners
    assert len(of_the_paper) == 15
    assert set(everything) - set(of_the_paper) == {"grasp", "random-smart-ratio"}
    of_lenet_300_100 = part_of(read_config(changed(pruners="all")), "lenet-300-100").pruners
    assert not any(PRUNERS[name].control or name in SINCE_2021 for name in of_lenet_300_100)
    later = part_of(read_config(changed(pruners="since-2021")), "lenet-300-100").pruners
    assert later == list(SINCE_2021)


def test_an_added_pruner_is_one_of_all(monkeypatch):
    monkeypatch.setitem(PRUNERS, "mine", Pruner(lambda inputs: inputs.weights))
    assert "mine" in part_of(read_config(changed(pruners="all")), "lenet-300-100").pruners


def test_a_list_of_pruners_may_have_the_words_for_several():
    asked = changed(pruners=["synflow", "since-2021"])
    assert part_of(read_config(asked), "lenet-300-100").pruners == ["synflow", *SINCE_2021]
    with pytest.raises(UserError, match="has duplicates"):
        read_config(changed(pruners=["all", "synflow"]))


def test_only_leaves_the_other_architectures_out():
    both = {"lenet-300-100": {"dataset": "mnist"}, "lenet-5": {"dataset": "cifar10"}}
    study = read_config(changed(architectures=both, only=["lenet-5"]))
    assert list(study.architectures) == ["lenet-5"]


def test_networks_have_the_classes_of_their_data_set():
    own = {"mine": {"image_folder": "x", "size": [32, 32], "classes": 7}}
    for dataset, classes in [("cifar10", 10), ("cifar100", 100), ("mine", 7)]:
        study = read_config(changed(architectures={"lenet-5": {"dataset": dataset}}, datasets=own))
        assert study.network("lenet-5").classes == classes


def test_variants_have_the_images_of_what_they_stand_in_for():
    own = {"cifar10-jpeg": {"variant_of": "cifar10", "files": {"a.tar": f"sha256:{0:064}"}}}
    study = read_config(changed(architectures={"lenet-5": {"dataset": "cifar10-jpeg"}}, datasets=own))
    assert study.datasets["cifar10-jpeg"].shape == (3, 32, 32)
    assert study.network("lenet-5").classes == 10


def test_levels_rise_and_are_named_by_six_digits():
    levels = part_of(read_config(GOOD), "lenet-300-100").levels
    assert levels == {"10": 10.0, "31.6228": 31.6228, "100": 100.0}


def test_ranges_have_the_paper_s_compressions():
    study = read_config(changed(compressions={"from": 10, "to": 100_000, "per_decade": 5}))
    levels = part_of(study, "lenet-300-100").levels
    assert list(levels.values()) == [float(f"{10 ** (0.2 * i):.6g}") for i in range(5, 26)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed(seedz=[1]), "config: seedz: unknown key; did you mean seeds?"),
        (changed(zzz=1), "config: zzz: unknown key; known keys: study, architectures, "),
        (changed(study="a/b"), "config: study: should be letters, digits, .*, not 'a/b'"),
        (changed(seeds="x"), "config: seeds: should be a list, or .*, not 'x'"),
        (changed(seeds=[]), "config: seeds: .*at least 1"),
        (changed(seeds=[-1]), "config: seeds.0: should be at least 0, not -1"),
        (changed(seeds=[2**32]), "config: seeds.0: should be below 4294967296, not 4294967296"),
        (changed(results="a{b}"), "config: results: 'a{b}' starts with ~, or has braces"),
        (changed(data="~/data"), "config: data: '~/data' starts with ~"),
        (changed(mirrors=["ftp://x"]), "config: mirrors.0: mirror 'ftp://x': not the URL of a folder"),
        (changed(seeds=[1, 1]), r"config: seeds: \[1, 1\] has duplicates"),
        (changed(pruners=["synfow"]), "config: pruners: unknown pruner 'synfow'; did you mean synflow?"),
        (changed(pruners="snip"), "pruners: should be 'paper', 'since-2021', 'all' or a list, not 'snip'"),
        (changed(compressions="ten"), "compressions: should be a list, or a mapping with .*, not 'ten'"),
        (changed(compressions=[]), r"config: compressions: \[\] is empty; give at least one"),
        (changed(train="never"), "config: train: should be true or false, not 'never'"),
        (changed(seeds=[0.5]), "config: seeds.0: should be a whole number, not 0.5"),
        (changed(inclde="x"), "config: inclde: unknown key; did you mean include?"),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist", "pruners": ["synfow"]}}),
            "config: architectures.lenet-300-100.pruners: unknown pruner 'synfow'",
        ),
        (changed(pruners=["snip", "snip"]), "config: pruners: .*duplicates"),
        (changed(pruners=[]), "config: pruners: none for lenet-300-100; give at least one"),
        (changed(pruners=["random-uniform-plus"]), "random-uniform-plus is for convolutional networks only"),
        (
            changed(
                architectures={"lenet-5": {"dataset": "cifar10"}}, pruners=["snip", "snip-permuted-pixels"]
            ),
            "snip-permuted-pixels is for fully connected networks only and lenet-5 has convolutions",
        ),
        (changed(seeds=[True]), "config: seeds.0: should be a number, not True"),
        (changed(compressions=[True]), "config: compressions.0: should be a number, not True"),
        (changed(max_hours=True), "config: max_hours: should be a number, not True"),
        (changed(live_input_deviation=-1), "config: live_input_deviation: should be at least 0, not -1"),
        (changed(live_input_deviation=True), "config: live_input_deviation: should be a number, not True"),
        (changed(channels_last=3), "config: channels_last: should be 'auto', True or False, not 3"),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist", "steps": True}}),
            "config: architectures.lenet-300-100.steps: should be a number, not True",
        ),
        (
            changed(compressions={"from": 10, "to": 1e300, "per_decade": 1}),
            r"config: compressions.to: should be at most 1e\+09, not 1e\+300",
        ),
        (changed(criteria=["both"]), "config: criteria.0: .*'direct' or 'effective', not 'both'"),
        (changed(architectures={"lenet": {"dataset": "mnist"}}), "unknown architecture 'lenet'; did"),
        (changed(architectures={"lenet-300-100": {"dataset": "mnits"}}), "'mnits'; did you mean mnist?"),
        (changed(architectures={"lenet-300-100": {"dataset": "cifar10"}}), r"images \(3, 32, 32\), lenet-3"),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist", "stepps": 3}}),
            "config: architectures.lenet-300-100.stepps: unknown key; did you mean steps?",
        ),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist", "steps": 0}}),
            "config: architectures.lenet-300-100.steps: should be at least 1, not 0",
        ),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist-5k", "batch_size": 5000}}),
            "config: architectures.lenet-300-100.batch_size: 5000 is above the 4000 training images",
        ),
        (changed(compressions=[0.5]), "config: compressions.0: should be at least 1, not 0.5"),
        (changed(compressions=[10, 10.0000001]), "compressions: 10 twice"),
        (changed(compressions={"from": 10, "to": 100}), "config: compressions.per_decade: missing"),
        (changed(compressions={"from": 100, "to": 10, "per_decade": 2}), "to: 10 is below from, 100"),
        ({k: v for k, v in GOOD.items() if k != "architectures"}, "config: architectures: missing"),
        (changed(device="tpu"), "config: device: should be 'auto', 'cpu' or 'cuda', not 'tpu'"),
        ({k: v for k, v in GOOD.items() if k != "compressions"}, "compressions: missing; .* lenet-300-100"),
        (changed(only=["lenet-5"]), "config: only: unknown architecture 'lenet-5'; did you mean lenet-3"),
        (changed(only=[]), "config: only: .*at least 1"),
        (
            changed(architectures={"vgg-16": {"dataset": "cifar10"}}, engine="packed"),
            "engine: packed trains lenet-300-100, lenet-5 only, not vgg-16; use auto",
        ),
        (changed(train=False, pruners=["lamp"]), "pruners: lamp looks at trained weights and train is false"),
        (changed(datasets={"a/b": {}}), "config: datasets.*a/b"),
        (changed(datasets={"mine": {}}), "config: datasets.mine: has no keys; give it either variant_of"),
        (changed(datasets={"mine": {"size": [3, 3], "variant_of": "mnist"}}), "mine: has size, variant_of;"),
        (changed(datasets={"mine": {"siez": [3, 3]}}), "datasets.mine.siez: unknown key; did you mean size?"),
        (changed(datasets={"mine": {"image_folder": "x", "size": [32], "classes": 3}}), "datasets.mine.size"),
        (
            changed(datasets={"mine": {"variant_of": "mnits", "files": {"a": "b"}}}),
            "config: datasets.mine: variant_of: unknown data set 'mnits'; did you mean mnist?",
        ),
        (
            changed(datasets={"mine": {"variant_of": "mnist", "files": {"a.gz": "nonsense"}}}),
            "config: datasets.mine: checksum of a.gz: 'nonsense' is neither md5: with 32 nor sha256: with 64",
        ),
        (
            changed(datasets={"mine": {"variant_of": "mnist", "files": {"a/b.gz": f"md5:{0:032}"}}}),
            "config: datasets.mine: file name 'a/b.gz': give a plain name without a folder",
        ),
        (
            changed(datasets={"mnist": {"variant_of": "cifar10", "files": {"a": f"md5:{0:032}"}}}),
            "config: datasets.mnist: a registered data set; give yours another name",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_it(config, message):
    with pytest.raises(UserError, match=message) as error:
        read_config(config)
    assert "\n" not in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([*GOOD, "pruners", "criteria", "mirrors", "data", "datasets", "only", "nonsense"]),
    json_values,
)
def test_no_value_gives_anything_but_a_study_or_one_line(key, value):
    one_line_at_most(changed(**{key: value}))


def one_line_at_most(config: dict) -> None:
    """Whatever `config` is, what the Snakefile asks of it gives a plan or one line."""
    try:
        plan = Plan(read_config(config))
        plan.check_folders()
        for architecture in plan.study.architectures:
            assert plan.recipe(architecture)
            for seed in plan.seeds(architecture)[:2]:
                assert plan.subnetworks(architecture, seed)
            assert [*chain(*(share.levels for share in plan.shares(architecture)))] == [
                level for part in plan.study.parts_of(architecture) for level in part.levels if part.train
            ]
        assert plan.files(f"{plan.study.results}/{{architecture}}/{{seed}}/{{pruner}}")
    except UserError as error:
        assert "\n" not in str(error)


@given(st.dictionaries(st.sampled_from([*ArchitectureConfig.model_fields, "stepps"]), json_values))
def test_no_architecture_gives_anything_but_a_plan_or_one_line(settings):
    network = {"dataset": "mnist"} | settings
    one_line_at_most(changed(architectures={"lenet-300-100": network}))


@given(st.text(min_size=1, max_size=300), st.sampled_from(["results", "data"]))
def test_no_folder_gives_anything_but_a_plan_or_one_line(folder, key):
    one_line_at_most(changed(**{key: folder}))


@given(st.dictionaries(st.sampled_from(["from", "to", "per_decade", "x"]), json_values))
def test_no_range_gives_anything_but_a_study_or_one_line(value):
    one_line_at_most(changed(compressions=value))
