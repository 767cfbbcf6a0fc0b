"""Studies made from other studies."""

import pytest
import yaml

from effective_sparsity.errors import UserError
from effective_sparsity.study.include import check_files, with_included


@pytest.fixture
def written(tmp_path):
    def write(**files) -> None:
        for name, settings in files.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(settings))

    return write


def test_a_study_changes_what_it_includes(written, tmp_path):
    written(base={"study": "base", "seeds": [0, 1], "architectures": {"a": {"x": 1, "y": 2}, "b": {"x": 3}}})
    config = {"include": "base.yaml", "study": "mine", "seeds": [7], "architectures": {"a": {"x": 9}}}
    assert with_included(config, tmp_path) == {
        "study": "mine",
        "seeds": [7],
        "architectures": {"a": {"x": 9, "y": 2}, "b": {"x": 3}},
    }
    assert config["include"] == "base.yaml"  # left as it was


def test_included_studies_may_include_others_of_which_the_nearest_wins(written, tmp_path):
    written(middle={"include": "base.yaml", "x": "middle", "y": "middle"}, base={"y": "base", "z": "base"})
    assert with_included({"include": "middle.yaml", "x": "top"}, tmp_path) == {
        "x": "top",
        "y": "middle",
        "z": "base",
    }


def test_a_study_without_include_stays_as_it_is(tmp_path):
    assert with_included({"study": "s"}, tmp_path) == {"study": "s"}


def test_includes_that_cannot_work_are_one_line(written, tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    (tmp_path / "twice.yaml").write_text("a: 1\nb: {c: 1}\na: 2\n")
    written(circle={"include": "circle.yaml"})
    for name, message in [
        ("missing.yaml", "missing.yaml cannot be read"),
        ("broken.yaml", r"broken.yaml cannot be read \(line 2: "),
        (
            "twice.yaml",
            r"twice.yaml cannot be read \(line 3: a appears twice in the same place\); correct it",
        ),
        ("list.yaml", "list.yaml holds no settings"),
        ("circle.yaml", "circle.yaml includes itself"),
    ]:
        with pytest.raises(UserError, match=f"config: include: .*{message}") as error:
            with_included({"include": name}, tmp_path)
        assert "\n" not in str(error.value)


def test_a_key_that_appears_twice_is_refused_wherever_it_is(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("base: &base {x: 1}\na: {<<: *base, x: 2}\nb: {x: 3}\n")
    check_files([path])
    path.write_text("a:\n- {x: 1, y: 2, x: 3}\n")
    with pytest.raises(UserError, match=r"^config: .*study.yaml cannot be read \(line 2: x appears twice"):
        check_files([path])
