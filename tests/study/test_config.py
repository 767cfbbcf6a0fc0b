"""Configurations: defaults, and one clear line for whatever is wrong."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.errors import UserError
from effective_sparsity.study.config import read_config

GOOD = yaml.safe_load("""
study: test
architectures: {lenet-300-100: {dataset: mnist}}
compressions: [100, 10.0, 31.6227766]
seeds: [0]
""")


def changed(**changes) -> dict:
    return copy.deepcopy(GOOD) | changes


def test_what_is_not_given_has_its_default():
    study = read_config(GOOD)
    assert study.criteria == ["direct", "effective"]
    assert study.snip_loss == "cross-entropy"
    assert len(study.pruners_of("lenet-300-100")) == 13


@pytest.mark.parametrize("path", ["config.yaml", "studies/lenet-300-100.yaml"])
def test_studies_of_the_project_are_valid(path, root):
    read_config(yaml.safe_load((root / path).read_text()))


def test_levels_rise_and_are_named_by_six_digits():
    levels = read_config(GOOD).levels_of("lenet-300-100")
    assert levels == {"10": 10.0, "31.6228": 31.6228, "100": 100.0}


def test_ranges_have_the_paper_s_compressions():
    study = read_config(changed(compressions={"from": 10, "to": 100_000, "per_decade": 5}))
    levels = study.levels_of("lenet-300-100")
    assert list(levels.values()) == [float(f"{10 ** (0.2 * i):.6g}") for i in range(5, 26)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed(seedz=[1]), "config: seedz: unknown key; did you mean seeds?"),
        (changed(zzz=1), "config: zzz: unknown key; known keys: study, architectures, "),
        (changed(study="a/b"), "config: study: .*not 'a/b'"),
        (changed(seeds="x"), "config: seeds: .*list, not 'x'"),
        (changed(seeds=[]), "config: seeds: .*at least 1"),
        (changed(seeds=[-1]), "config: seeds.0: .*not -1"),
        (changed(seeds=[1, 1]), r"config: seeds: \[1, 1\] has duplicates"),
        (changed(pruners=["synfow"]), "config: unknown pruner 'synfow'; did you mean synflow?"),
        (changed(pruners=["snip", "snip"]), "config: pruners: .*duplicates"),
        (changed(pruners=["random-uniform-plus"]), "random-uniform-plus is for convolutional networks only"),
        (changed(criteria=["both"]), "config: criteria.0: .*'direct' or 'effective', not 'both'"),
        (changed(architectures={"lenet": {"dataset": "mnist"}}), "unknown architecture 'lenet'"),
        (changed(architectures={"lenet-300-100": {"dataset": "mnits"}}), "'mnits'; did you mean mnist?"),
        (changed(architectures={"lenet-300-100": {"dataset": "cifar10"}}), r"images \(3, 32, 32\) of 10"),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist", "stepps": 3}}),
            "config: architectures.lenet-300-100.stepps: unknown key; did you mean steps?",
        ),
        (
            changed(architectures={"lenet-300-100": {"dataset": "mnist", "steps": 0}}),
            "config: architectures.lenet-300-100.steps: .*greater than or equal to 1, not 0",
        ),
        (changed(compressions=[0.5]), "config: compressions.0: .*greater than or equal to 1, not 0.5"),
        (changed(compressions=[10, 10.0000001]), "compressions: 10 twice"),
        (changed(compressions={"from": 10, "to": 100}), "config: compressions.per_decade: missing"),
        (changed(compressions={"from": 100, "to": 10, "per_decade": 2}), "compressions: .* is empty"),
        ({k: v for k, v in GOOD.items() if k != "architectures"}, "config: architectures: missing"),
        (changed(device="tpu"), "config: device: .*not 'tpu'"),
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


@given(st.sampled_from([*GOOD, "pruners", "criteria", "mirrors", "data", "nonsense"]), json_values)
def test_no_value_gives_anything_but_a_study_or_one_line(key, value):
    try:
        read_config(changed(**{key: value}))
    except UserError as error:
        assert "\n" not in str(error)


@given(st.dictionaries(st.sampled_from(["from", "to", "per_decade", "x"]), json_values))
def test_no_range_gives_anything_but_a_study_or_one_line(value):
    try:
        read_config(changed(compressions=value))
    except UserError as error:
        assert "\n" not in str(error)
