"""Study files, some of which are variations of others."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from effective_sparsity.errors import UserError


def with_included(config: dict, folder: Path | str) -> dict:
    """`config` on top of the study file that its key `include` names, which may include another in turn.

    Mappings are joined key by key, anything else is replaced as a whole.

    Args:
        folder: to which the names of included files are relative.

    Raises:
        UserError: a file cannot be read, has no settings or has one twice, or includes itself.
    """
    included = []
    while "include" in config:
        path = Path(folder, str(config["include"]))
        if path in included:
            raise UserError(f"config: include: {path} includes itself; leave that out")
        included.append(path)
        changes = {key: value for key, value in config.items() if key != "include"}
        config = _joined(_read(path, "config: include"), changes)
    return config


def check_files(paths: Iterable[Path | str]) -> None:
    """Refuse study files with a key that appears twice, of which Snakemake's reader takes the last.

    Raises:
        UserError: there is such a key, or a file cannot be read.
    """
    for path in paths:
        _read(Path(path), "config")


def _read(path: Path, where: str) -> dict:
    try:
        settings = yaml.load(path.read_text(), _UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(
            f"{where}: {path} cannot be read (line {line}: {error.problem}); correct it"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{where}: {path} cannot be read ({reason}); name a study file") from None
    if not isinstance(settings, dict):
        raise UserError(f"{where}: {path} holds no settings; name a study file")
    return settings


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses mappings in which a key appears twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"{key.value} appears twice in the same place"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _joined(base: dict, changes: dict) -> dict:
    joined = dict(base)
    for key, value in changes.items():
        both_mappings = isinstance(base.get(key), dict) and isinstance(value, dict)
        joined[key] = _joined(base[key], value) if both_mappings else value
    return joined
