"""python -m effective_sparsity.figures: from a folder of tables to figures."""

import json

import pytest

from effective_sparsity.figures.__main__ import main


@pytest.fixture
def draw(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder; its exit code and messages."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["figures", *arguments])
        return main(), capsys.readouterr()

    return run


@pytest.fixture
def study(tmp_path):
    """A published study that has the smallest figure alone."""
    folder = tmp_path / "mine/tables"
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text(json.dumps({"study": {"study": "mine", "train": False}}))
    rows = "random-uniform,10,0,0,0,True\nrandom-uniform,10,0,1,0,False\n"
    (folder / "toy_network.csv").write_text(f"pruner,n_weights,layer,source,target,active\n{rows}")
    return folder


def test_figures_that_have_their_tables_are_drawn(draw, study, tmp_path):
    code, said = draw("mine", "figures")
    assert code == 0
    assert said.out.split() == ["Figures", "of", "the", "study", "mine:", "toy_network"]
    assert (tmp_path / "figures/toy_network.svg").is_file()


def test_one_figure_alone_can_be_asked_for(draw, study, tmp_path, capsys):
    assert draw("mine", "figures", "toy_network")[1].out.endswith("  toy_network\n")
    with pytest.raises(SystemExit):
        draw("mine", "figures", "toy")
    assert "no figure toy; known: toy_network, " in capsys.readouterr().err


def one_line(outcome) -> str:
    code, said = outcome
    assert code == 2
    assert said.err.count("\n") == 1
    return said.err


def test_a_figure_for_which_a_study_has_nothing_is_refused(draw, study):
    assert "the study mine has nothing for costs; name some of: toy_network" in one_line(
        draw("mine", "figures", "costs")
    )


def test_a_folder_that_is_no_study_is_refused(draw):
    assert "absent/tables/provenance.json is missing; name the folder of a study" in one_line(
        draw("absent", "figures")
    )


def test_a_damaged_table_is_named(draw, study):
    (study / "toy_network.csv").write_text("")
    assert "toy_network.csv: damaged or foreign file" in one_line(draw("mine", "figures"))
    (study / "provenance.json").write_text("{")
    assert "provenance.json: damaged or foreign file" in one_line(draw("mine", "figures"))


def test_a_folder_that_cannot_be_written_is_named(draw, study, tmp_path):
    (tmp_path / "figures").touch()
    assert "File exists: 'figures'" in one_line(draw("mine", "figures"))
