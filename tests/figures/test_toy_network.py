from effective_sparsity.figures.toy_network import toy_network


def lines_of(axes, gid: str) -> list[list[tuple[float, float]]]:
    (collection,) = [lines for lines in axes.collections if lines.get_gid() == gid]
    return [[tuple(map(float, point)) for point in segment] for segment in collection.get_segments()]


def test_every_kept_weight_is_one_line(tables):
    figure, data = toy_network(tables)
    for axes, (_, rows) in zip(figure.axes, data.groupby("pruner", sort=False), strict=True):
        assert len(lines_of(axes, "active")) == rows.active.sum()
        assert len(lines_of(axes, "inactive")) == (~rows.active).sum()


def test_a_line_leads_from_its_source_to_its_target(tables):
    figure, _ = toy_network(tables)
    # Units 0 to 3 of the first layer lie at heights -1.5 to 1.5, those of the others at -0.5 and 0.5.
    assert lines_of(figure.axes[0], "inactive") == [[(0, 1.5), (1, -0.5)]]


def test_titles_give_both_compressions(tables):
    figure, _ = toy_network(tables)
    assert "direct compression 4.7\neffective compression 7.0" in figure.axes[0]._left_title.get_text()
    assert "direct compression 4.7\neffective compression 4.7" in figure.axes[1]._left_title.get_text()
