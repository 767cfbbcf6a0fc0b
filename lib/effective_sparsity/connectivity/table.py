"""How a sparsity report prints itself."""

import pandas

_COUNTS = {"weights": "n_weights", "kept": "n_kept", "active": "n_active"}
_COMPRESSIONS = {"direct": "direct_compression", "effective": "effective_compression"}


class SparsityReport(pandas.DataFrame):
    """A DataFrame that prints weights, kept and active weights, both compressions, and a summary.

    Whatever is selected from it is a plain DataFrame and prints all of its columns.
    """

    @property
    def _constructor(self):
        return pandas.DataFrame

    def __repr__(self) -> str:
        needed = {"layer", "shape", "flops", *_COUNTS.values(), *_COMPRESSIONS.values()}
        if not len(self) or not needed <= set(self.columns):
            return super().__repr__()  # somebody took columns out
        return "\n".join([*_lines(self), _summary(self.iloc[-1]), *self.attrs.get("notes", ())])

    def _repr_html_(self) -> None:
        """No HTML: notebooks print the text as well."""


def _lines(report: pandas.DataFrame) -> list[str]:
    """The rows, with aligned columns, below two lines of headings."""
    columns = [["layer", *report["layer"]]]
    columns.append(["shape", *("x".join(map(str, shape)) for shape in report["shape"])])
    columns += [[name, *(f"{n:,}" for n in report[column])] for name, column in _COUNTS.items()]
    columns += [[name, *(_compression(c) for c in report[column])] for name, column in _COMPRESSIONS.items()]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in zip(*columns, strict=True)
    ]
    return ["compression".rjust(len(lines[0])), *lines]


def _summary(total: pandas.Series) -> str:
    text = f"FLOPs of the example: {total['flops']:,.4g} dense, {total['effective_flops']:,.4g} effective"
    if total["compact_bytes"] == total["compact_bytes"]:  # not NaN: it can be compacted
        text += f"; bytes: {total['bytes']:,.0f}, {total['compact_bytes']:,.0f} compacted"
    return text


def _compression(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
