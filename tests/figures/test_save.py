import numpy as np
import pandas as pd
import pytest

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.save import read_svg, save


@pytest.mark.parametrize("name", ["effective_vs_direct", "accuracy_random_quotas"])
def test_the_same_tables_give_the_same_bytes(name, tables, tmp_path):
    first, second = (save(*FIGURES[name].draw(tables), tmp_path / run / name) for run in ("a", "b"))
    assert [path.suffix for path in first] == [".pdf", ".svg", ".png", ".csv"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_an_svg_that_is_cut_short_is_noticed(tables, tmp_path):
    _, svg, *_ = save(*FIGURES["target_hits"].draw(tables), tmp_path / "figure")
    content = read_svg(svg)
    assert content == svg.read_bytes()
    for damaged in (content[:-20], b"", b"<html></html>"):
        svg.write_bytes(damaged)
        with pytest.raises(DamagedFileError):
            read_svg(svg)


def test_no_date_is_written(tables, tmp_path):
    pdf, svg, png, _ = save(*FIGURES["target_hits"].draw(tables), tmp_path / "figure")
    assert b"CreationDate" not in pdf.read_bytes()
    assert b"dc:date" not in svg.read_bytes()
    assert b"tIME" not in png.read_bytes()


def test_the_csv_holds_the_data_with_infinities(tables, tmp_path):
    figure, data = FIGURES["effective_vs_direct"].draw(tables)
    *_, csv = save(figure, data, tmp_path / "figure")
    read = pd.read_csv(csv)
    assert np.isinf(read.effective_compression).any()
    pd.testing.assert_frame_equal(read, data, rtol=1e-8)


def test_nothing_but_the_results_is_left_in_the_folder(tables, tmp_path):
    written = save(*FIGURES["target_hits"].draw(tables), tmp_path / "new" / "lenet.v2")
    assert sorted(written) == sorted((tmp_path / "new").iterdir())
    assert {path.name for path in written} == {
        f"lenet.v2.{suffix}" for suffix in ("pdf", "svg", "png", "csv")
    }


def test_a_failure_keeps_the_old_file(tmp_path):
    class Broken:
        def savefig(self, *args, **kwargs):
            raise OSError("disk full")

    old = tmp_path / "figure.pdf"
    old.write_text("old")
    with pytest.raises(OSError, match="disk full"):
        save(Broken(), pd.DataFrame(), tmp_path / "figure")
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
