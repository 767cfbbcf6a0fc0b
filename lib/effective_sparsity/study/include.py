"""Studies that are variations of another one."""

from pathlib import Path

import yaml

from effective_sparsity.errors import UserError


def with_included(config: dict, folder: Path | str) -> dict:
    """`config` on top of the study file that its key `include` names, which may include another in turn.

    Mappings are joined key by key, anything else is replaced as a whole.

    Args:
        folder: to which the names of included files are relative.

    Raises:
        UserError: a file cannot be read, holds no settings, or includes itself.
    """
    included = []
    while "include" in config:
        path = Path(folder, str(config["include"]))
        if path in included:
            raise UserError(f"config: include: {path} includes itself; leave that out")
        included.append(path)
        config = _joined(_read(path), {key: value for key, value in config.items() if key != "include"})
    return config


def _read(path: Path) -> dict:
    try:
        settings = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"config: include: {path} cannot be read ({reason}); name a study file") from None
    if not isinstance(settings, dict):
        raise UserError(f"config: include: {path} holds no settings; name a study file")
    return settings


def _joined(base: dict, changes: dict) -> dict:
    joined = dict(base)
    for key, value in changes.items():
        both_mappings = isinstance(base.get(key), dict) and isinstance(value, dict)
        joined[key] = _joined(base[key], value) if both_mappings else value
    return joined
