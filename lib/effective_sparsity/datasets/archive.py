"""Reads the members of zip and tar archives into memory, so that nothing is ever unpacked onto the disk."""

import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from effective_sparsity.errors import UserError


def read_members(paths: Iterable[Path], wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Name and content of the regular files within the archives whose name is `wanted`; links are skipped."""
    members: dict[str, bytes] = {}
    for path in paths:
        try:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    members |= {name: archive.read(name) for name in archive.namelist() if wanted(name)}
            else:
                with tarfile.open(path, "r|*") as archive:  # a stream: going back within .xz is slow
                    for member in archive:
                        if member.isfile() and wanted(member.name) and (file := archive.extractfile(member)):
                            members[member.name] = file.read()
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise UserError(f"{path}: not a zip or tar archive that can be read ({error})") from error
    return members
