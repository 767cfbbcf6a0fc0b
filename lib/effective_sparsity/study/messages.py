"""What is wrong with a study file, in one line."""

import difflib
from collections.abc import Collection, Iterable

from pydantic import ValidationError

from effective_sparsity.study.values import ALTERNATIVES


def known(name: str, registry: Collection[str], what: str, key: str) -> str:
    """`name`, if it is in the registry.

    Args:
        what: kind of thing that it names, for the message.
        key: where it stands in the study file.

    Raises:
        ValueError: it is not; the message has the closest name or all of them.
    """
    if name not in registry:
        raise ValueError(f"{key}: unknown {what} {name!r}; {_hint(name, registry, 'known')}")
    return name


def one_line(errors: ValidationError) -> str:
    """The first thing that is wrong with a study file, in one line with its key and value."""
    # An unknown key comes first: it may be why another one is missing.
    error = min(errors.errors(), key=lambda error: error["type"] != "unknown_key")
    context = error.get("ctx", {})
    place = [str(part) for part in error["loc"] if part not in _NO_PLACE]
    match error["type"]:
        case "unknown_key":
            place.append(context["key"])
            reason = f"unknown key; {_hint(context['key'], context['known'], 'known keys')}"
        case "missing":
            reason = "missing; add it (see docs/configuration.md)"
        case "value_error":
            reason = str(context["error"])
        case kind:
            wanted = _WANTED.get(kind, error["msg"]).format(**context)
            reason = f"should be {wanted}, not {error['input']!r}"
    return ": ".join(["config", *[".".join(place)][: len(place)], reason])


def _hint(name: str, names: Iterable[str], label: str) -> str:
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"{label}: {', '.join(names)}"


# Parts of pydantic's locations that are not in the study file.
_NO_PLACE = (*ALTERNATIVES, "[key]")

# What a value should be, by pydantic's type of error, with the error's context.
_WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "finitenumber": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le:g}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "a mapping of keys to values",
    "string_pattern_mismatch": "letters, digits, dots, - and _, a letter or digit first",
    "string_too_short": "of length at least {min_length}",
    "string_type": "text",
    "too_short": "of length at least {min_length}",
    "too_long": "of length at most {max_length}",
    "tuple_type": "a list",
}
