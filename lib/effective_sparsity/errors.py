"""Errors that a user can fix."""

import sys
from collections.abc import Callable
from pathlib import Path


class UserError(ValueError):
    """Bad input: configuration, data, model or arguments.

    Its message is one line that names the key or file, the value found, and the cure. Line breaks within
    keys, values and messages of other libraries become spaces.
    """

    def __init__(self, message: object):
        super().__init__(" ".join(str(message).splitlines()))


class DamagedFileError(UserError):
    """A file is not what its writer left: cut short, altered, or never of that kind.

    Attributes:
        path: of the file.
        finding: what is wrong with it, the path included.
        remake: what rebuilds it in the workflow, once it is out of the way.
    """

    def __init__(self, path: Path | str, reason: object, remake: str = "run the same command again"):
        self.path = Path(path)
        self.finding = f"{path}: damaged or foreign file ({' '.join(str(reason).splitlines())})"
        self.remake = remake
        super().__init__(self.finding)

    def __str__(self) -> str:
        return f"{self.finding}; delete it and {self.remake}"


def exit_code(command: Callable[[], object], prefix: str = "") -> int:
    """Runs a command: 0, or 2 after an error that the user can fix, which is printed behind `prefix`."""
    try:
        command()
    except (UserError, OSError) as error:
        print(f"{prefix}error: {error}", file=sys.stderr)
        return 2
    return 0
