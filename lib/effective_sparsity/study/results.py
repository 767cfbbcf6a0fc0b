"""The folder of a study that has run."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from effective_sparsity.errors import UserError
from effective_sparsity.study.provenance import read_provenance
from effective_sparsity.study.tables import read_table


class Results:
    """A study's folder, `results/<study>`, or what is published of it, `results/reference/<study>`."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    @cached_property
    def provenance(self) -> dict:
        """The study's configuration, versions, commit and machine.

        Raises:
            UserError: the study has not run to its tables.
        """
        path = self.folder / "tables/provenance.json"
        if not path.is_file():
            raise UserError(f"{path} is missing; name the folder of a study that has run to its tables")
        return read_provenance(path)

    @property
    def study(self) -> str:
        """The study's name."""
        return self.provenance["study"]["study"]

    @cached_property
    def tables(self) -> dict[str, Path]:
        """The path of each table by its name; CSV, perhaps compressed."""
        return {path.name.partition(".")[0]: path for path in sorted(self.folder.glob("tables/*.csv*"))}

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name.

        Raises:
            UserError: there is none.
            DamagedFileError: it is not what was written.
        """
        if name not in self.tables:
            raise UserError(f"{self.folder}: no table {name}; it has {', '.join(self.tables) or 'none'}")
        return read_table(self.tables[name])
