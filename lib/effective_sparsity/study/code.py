"""What identifies the code behind a result.

`of_modules` stands for whole modules and all that they import, byte for byte: for steps that take seconds.

`of_function` stands for the definitions that a function refers to by name, in its own module and in others.
Only an edit of what they compute changes it: not one of comments, docstrings, annotations or formatting, nor
another version of Python. It cannot see methods of the objects that the function is given.

Both see the library alone; the versions of packages are in a study's provenance.
"""

import ast
import hashlib
from collections.abc import Callable, Iterable
from functools import cache, cached_property, partial
from pathlib import Path
from types import FunctionType

PACKAGE = __name__.partition(".")[0]
LIBRARY = Path(__file__).parents[1]


def of_modules(scripts: Iterable[Path], packages: Iterable[str] = ()) -> str:
    """The digest of scripts, of packages with all their files, and of what these import from the library.

    It is for a rule's parameters. As inputs, the files would be compared by age where Snakemake knows nothing
    of an earlier run, and those of a fresh clone are younger than all results.

    Args:
        scripts: files of Python code.
        packages: names below the library, such as "figures", whose modules are imported by name at run time.

    Raises:
        FileNotFoundError: a script or package does not exist.
    """
    files = list(scripts)
    for folder in map(LIBRARY.joinpath, packages):
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: the library has no such package")
        files += [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    seen: set[Path] = set()
    while files:
        path = files.pop()
        if path not in seen and path.suffix == ".py":
            files += _module(path).imported_files
        seen.add(path)
    return _digest(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in seen)


def of_function(function: Callable) -> str:
    """The digest of a function, of what it closes over, and of the definitions to which these refer."""
    return _digest([_described(function)])


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(sorted(parts)).encode()).hexdigest()


def _described(value: object) -> str:
    """The code on which a function rests, or of which another value is made."""
    match value:
        case FunctionType():
            inside = [cell.cell_contents for cell in value.__closure__ or ()]
            return f"{_function_code(value)} {_described(inside)}"
        case partial():
            return _described([value.func, *value.args, *sorted(value.keywords.items())])
        case list() | tuple():
            return f"[{' '.join(map(_described, value))}]"
        case str() if value.startswith(f"{PACKAGE}.") and ":" in value:
            # A function that is imported when it is called: "package.module:function".
            module, _, name = value.partition(":")
            return _definitions([(_module(_file(module)), name)])
        case str() | bytes() | int() | float() | None:
            return repr(value)
    kind = type(value)
    if not _in_library(kind.__module__):
        return f"{kind.__module__}.{kind.__qualname__} {getattr(value, '__name__', '')}"
    code = _definitions([(_module(_file(kind.__module__)), kind.__name__)])
    return f"{code} {_described(sorted(vars(value).items()))}"


def _function_code(function: FunctionType) -> str:
    """The definition around a function and all that it refers to; of a lambda, those on its line."""
    path, line = Path(function.__code__.co_filename), function.__code__.co_firstlineno
    name = function.__qualname__.partition(".")[0]
    if not path.is_file():
        return f"{function.__module__}.{function.__qualname__}"
    module = _module(path)
    if name != "<lambda>":
        return _definitions([(module, name)])
    lambdas = [n for n in ast.walk(module.tree) if isinstance(n, ast.Lambda) and n.lineno == line]
    referred = [reference for node in lambdas for reference in module.references(node)]
    return f"{_normalised(lambdas)} {_definitions(referred)}"


def _definitions(wanted: list[tuple["_Module", str]]) -> str:
    """The definitions of names in modules, and of whatever these refer to."""
    seen: set[tuple[Path, str]] = set()
    found: set[str] = set()
    while wanted:
        module, name = wanted.pop()
        if (module.path, name) in seen:
            continue
        seen.add((module.path, name))
        for node in module.definitions.get(name, ()):
            found.add(f"{module.path.name} {_normalised(node)}")
            wanted += module.references(node)
    return "\n".join(sorted(found))


class _Module:
    """A parsed module: what it defines, and what it imports from the library."""

    def __init__(self, path: Path):
        self.path = path
        self.tree = _without_notes(ast.parse(path.read_bytes(), str(path)))

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """The statements of the module that bind each name, imports aside."""
        found: dict[str, list[ast.stmt]] = {}
        for node in self.tree.body:
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    names = {name}
                case ast.Import() | ast.ImportFrom():
                    names = set()
                case _:
                    bound = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
                    names = {n.id for n in bound if isinstance(n.ctx, ast.Store)}
            for name in names:
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """By the name given to it here, the module of the library and the name in it that is imported."""
        return {
            alias.asname or alias.name: (module, alias.name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and _in_library(module := self._absolute(node))
            for alias in node.names
        }

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level or not self.path.is_relative_to(LIBRARY):
            return node.module or ""
        package = [PACKAGE, *self.path.relative_to(LIBRARY).parts[: -node.level]]
        return ".".join([*package, node.module] if node.module else package)

    @cached_property
    def imported_files(self) -> list[Path]:
        """The files of the library that run when this module is imported, or its functions are called."""
        names = [name for module, name in self.imports.values() for name in (module, f"{module}.{name}")]
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.Import)]
        names += [alias.name for node in imports for alias in node.names if _in_library(alias.name)]
        parts = [name.split(".") for name in names]
        packages = {".".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}
        return [path for path in map(_file, packages) if path.is_file()]

    def references(self, node: ast.AST) -> list[tuple["_Module", str]]:
        """The definitions of the library to which names in a piece of this module may refer."""
        found = []
        for part in ast.walk(node):
            match part:
                case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in self.imports:
                    found.append((_file(".".join(self.imports[name])), attribute))
                case ast.Name(id=name) if name in self.imports:
                    module, name_there = self.imports[name]
                    found.append((_file(module), name_there))
                case ast.Name(id=name):
                    found.append((self.path, name))
        return [(_module(path), name) for path, name in found if path.is_file()]


@cache
def _module(path: Path) -> _Module:
    return _Module(path)


def _in_library(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _file(module: str) -> Path:
    """The file of a module of the library, which need not exist."""
    path = LIBRARY.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _without_notes(tree: ast.Module) -> ast.Module:
    """The tree without docstrings, annotations, and imports that only a type checker runs."""
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if hasattr(node, field):
                setattr(node, field, None)
        if isinstance(body := getattr(node, "body", None), list):
            body[:] = [s for s in body if not _is_text(s) and not _is_for_type_checkers(s)]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_for_type_checkers(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If)
        and isinstance(statement.test, ast.Name)
        and statement.test.id == "TYPE_CHECKING"
    )


def _normalised(node: object) -> str:
    """The code of a tree, alike in all versions of Python: later ones give nodes further, empty fields."""
    if isinstance(node, list):
        return f"[{' '.join(map(_normalised, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({' '.join(f'{name}={_normalised(value)}' for name, value in fields)})"
