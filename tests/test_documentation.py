"""The documentation keeps up with the code."""

import re

import pytest
import yaml

from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.config import ArchitectureConfig, DatasetConfig, StudyConfig

SECTIONS = (StudyConfig, ArchitectureConfig, DatasetConfig)


@pytest.mark.parametrize("key", ["include", *(key for section in SECTIONS for key in section.model_fields)])
def test_every_setting_is_documented(root, key):
    assert f"| `{key}` |" in (root / "docs/configuration.md").read_text()


def test_every_study_is_documented(root):
    text = (root / "docs/configuration.md").read_text()
    for path in root.glob("studies/*.yaml"):
        assert f"`studies/{path.name}`" in text


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_is_documented(root, name):
    assert f"`{name}`" in (root / "docs/configuration.md").read_text()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_in_the_gallery(root, name):
    text = (root / "docs/gallery.md").read_text()
    assert FIGURES[name].title in text
    assert f"results/default/figures/{name}.pdf" in text


def test_every_page_is_in_the_navigation_of_the_site(root):
    navigation = (root / "mkdocs.yml").read_text()
    for page in [*root.glob("docs/**/*.md"), *root.glob("results/reference/*/README.md")]:
        assert f": {page.relative_to(root)}\n" in navigation


def test_links_lead_to_files(root):
    for page in [*root.glob("*.md"), root / "config/README.md", *root.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_citations_are_readable(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert "Connectivity Matters" in citation["preferred-citation"]["title"]
