"""Which pruners the seeds tell apart, and the letters that say so."""

from collections.abc import Collection, Sequence
from itertools import combinations

import pandas as pd

from effective_sparsity.figures.statistics import MIN_SEEDS, holm, p_value

Pair = frozenset[str]


def told_apart(values: pd.DataFrame) -> set[Pair]:
    """Pairs of columns whose means differ: t tests over the rows that both have, Holm's correction.

    Args:
        values: a column for each pruner, a row for each seed, NaN where there is no value. A pair that
            shares fewer than `MIN_SEEDS`, or is equal in all, is not told apart.
    """
    differences = {
        frozenset(pair): (values[pair[0]] - values[pair[1]]).dropna() for pair in combinations(values, 2)
    }
    p_values = {pair: p_value(d) for pair, d in differences.items() if len(d) >= MIN_SEEDS and d.any()}
    rates = holm(p_values)
    return {pair for pair, p in p_values.items() if p < rates[pair]}


def letters(names: Sequence[str], apart: Collection[Pair]) -> dict[str, str]:
    """A compact letter display (Piepho 2004): two share a letter if and only if they are not told apart.

    Args:
        names: in the order in which they get their letters, the best first.
        apart: the pairs that are told apart.
    """
    groups = {frozenset(names)}
    for pair in apart:
        split = {
            part for group in groups for part in ([group - {n} for n in pair] if pair <= group else [group])
        }
        groups = {group for group in split if not any(group < other for other in split)}
    ordered = sorted(_needed(groups), key=lambda group: sorted(map(names.index, group)))
    return {
        name: "".join(chr(ord("a") + i) for i, group in enumerate(ordered) if name in group) for name in names
    }


def _needed(groups: Collection[Pair]) -> set[Pair]:
    """Groups without those whose pairs are all in others, the smallest of which go first."""
    needed = set(groups)
    for group in sorted(groups, key=lambda group: (len(group), sorted(group))):
        others = needed - {group}
        pairs = [frozenset(pair) for pair in combinations(group, 2)] or [group]
        if all(any(pair <= other for other in others) for pair in pairs):
            needed = others
    return needed
