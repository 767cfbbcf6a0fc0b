"""Downloads files, each from the first mirror that has it, verified before it gets its name."""

import hashlib
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock

from effective_sparsity.errors import UserError

MIRRORS_VARIABLE = "EFFECTIVE_SPARSITY_MIRRORS"
_SCHEMES = ("file:", "https:", "http:")
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = 20.0
_CHUNK_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors offer under its own name.

    Attributes:
        name: file name, without a folder.
        checksum: "md5:..." or "sha256:..." and the digest in hexadecimal digits.
        homes: URLs of the folders where its authors publish it.
    """

    name: str
    checksum: str
    homes: tuple[str, ...] = ()

    def __post_init__(self):
        digest = self.checksum.partition(":")[2]
        length = {"md5": 32, "sha256": 64}.get(self.kind)
        if len(digest) != length or set(digest) - set("0123456789abcdef"):
            raise UserError(
                f"checksum of {self.name}: {self.checksum!r} is neither md5: with 32 nor sha256: with 64 "
                "hexadecimal digits in lower case"
            )
        if self.name in ("", ".", "..") or self.name != Path(self.name).name:
            raise UserError(f"file name {self.name!r}: give a plain name without a folder")

    @property
    def kind(self) -> str:
        """Of its checksum: "md5" or "sha256"."""
        return self.checksum.partition(":")[0]


class _UnavailableError(Exception):
    """This mirror does not give the file; `again` if a further attempt might succeed."""

    def __init__(self, reason: str, again: bool):
        super().__init__(reason)
        self.again = again


def list_mirrors(mirrors: str | Iterable[str] = ()) -> list[str]:
    """URLs of folders: those of `mirrors`, then those of the environment variable.

    Either may be a text with commas or blanks between the URLs.

    Raises:
        UserError: for a URL that is not file:, https: or http:.
    """
    named = mirrors if isinstance(mirrors, str) else " ".join(mirrors)
    urls = f"{named} {os.environ.get(MIRRORS_VARIABLE, '')}".replace(",", " ").split()
    for url in urls:
        if not url.startswith(_SCHEMES):
            raise UserError(f"mirror {url!r}: not the URL of a folder (file:///a/folder, https://...)")
    return list(dict.fromkeys(urls))


def checksum(path: Path, kind: str) -> str:
    """Checksum of a file, as in RemoteFile; `kind` is "md5" or "sha256"."""
    with path.open("rb") as file:
        # md5 tells damage from health and canonical from other bytes; it does not guard against forgery.
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False))
    return f"{kind}:{digest.hexdigest()}"


def fetch(file: RemoteFile, folder: Path, mirrors: str | Iterable[str] = ()) -> Path:
    """Path of `file` within `folder`, after fetching it if it is missing or damaged.

    The file appears under its name only when it is complete and its checksum is right. Of several processes
    that want it, one fetches it and the others wait.

    Args:
        mirrors: URLs of folders, tried before those of the environment variable and before the file's homes.

    Raises:
        UserError: if no mirror gives the right file, or the folder cannot be written to.
    """
    path = folder / file.name
    urls = [f"{mirror.rstrip('/')}/{file.name}" for mirror in [*list_mirrors(mirrors), *file.homes]]
    try:
        if _is_right(path, file):  # also in a folder that cannot be written to
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{file.name}.lock"):
            if not _is_right(path, file):
                _fetch_from_any(urls, file, path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read or written ({error}); name another folder for the data"
        ) from error
    return path


def _is_right(path: Path, file: RemoteFile) -> bool:
    if not path.is_file():
        return False
    found = checksum(path, file.kind)
    if found != file.checksum:
        _log.warning("%s is damaged or another file (%s, expected %s)", path, found, file.checksum)
    return found == file.checksum


def _fetch_from_any(urls: list[str], file: RemoteFile, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    failures = []
    for url in urls:
        try:
            _fetch_patiently(url, file, partial)
        except _UnavailableError as failure:
            _log.warning("%s: %s", url, failure)
            failures.append(f"{url}: {failure}")
        else:
            partial.replace(path)
            return
        finally:
            partial.unlink(missing_ok=True)
    state = "is not the expected file" if path.exists() else "is missing"
    reasons = "; ".join(failures) or "no mirror was named"
    raise UserError(
        f"{path} {state} and cannot be fetched ({reasons}); put the file there ({file.checksum}), or name a "
        "folder that has it, such as file:///a/folder, in the setting `mirrors` or the environment variable "
        f"{MIRRORS_VARIABLE}"
    )


def _fetch_patiently(url: str, file: RemoteFile, partial: Path) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _log.info("fetching %s", url)
            return _fetch_once(url, file, partial)
        except _UnavailableError as failure:
            if attempt == _ATTEMPTS or not failure.again:
                raise
            time.sleep(_PAUSE_SECONDS * attempt)


def _fetch_once(url: str, file: RemoteFile, partial: Path) -> None:
    with partial.open("wb") as output:
        for chunk in _chunks(url):
            output.write(chunk)
    found = checksum(partial, file.kind)
    if found != file.checksum:
        reason = f"incomplete or not the canonical file ({found}, expected {file.checksum})"
        raise _UnavailableError(reason, again=not url.startswith("file:"))


def _chunks(url: str):
    """The content of `url`, piece by piece. Whatever fails while reading becomes _UnavailableError."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            while chunk := response.read(_CHUNK_BYTES):
                yield chunk
    except urllib.error.HTTPError as error:
        busy = error.code >= 500 or error.code == 429
        raise _UnavailableError(f"HTTP status {error.code}", again=busy) from error
    except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        raise _UnavailableError(" ".join(str(reason).split()), again=not url.startswith("file:")) from error
