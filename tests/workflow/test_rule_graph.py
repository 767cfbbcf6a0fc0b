"""The picture of the rules in the documentation is Snakemake's."""

import re

import pytest

pytestmark = pytest.mark.xdist_group("workflow")


def edges(mermaid: str) -> set[tuple[str, str]]:
    """What depends on what, by the names of rules; the rules of retraining as one."""
    names = {
        node: re.sub(r"retrain_.*", "retrain", rule) for node, rule in re.findall(r"(\w+)\[(.+?)\]", mermaid)
    }
    return {(names[start], names[end]) for start, end in re.findall(r"(\w+) --> (\w+)", mermaid)}


def test_the_picture_of_the_workflow_is_up_to_date_and_every_rule_is_described(fresh):
    text = (fresh.root / "docs/workflow.md").read_text()
    (picture,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    fresh.config["pruners"].append("snip")  # one that needs the data set for its ranking
    graph = edges(fresh.succeed("--rulegraph", "mermaid-js"))
    assert edges(picture) == graph
    rules = {rule for edge in graph for rule in edge}
    assert {rule for rule in rules if f"| `{rule}` |" not in text} == {"all"}
