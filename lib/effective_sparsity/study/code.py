"""Digests of modules and all that they import from the library: they tell the workflow when code changed.

Comments, formatting and docstrings do not count, and no code is run. The versions of packages are in a
study's provenance.
"""

import ast
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from functools import cache, partial
from importlib.util import resolve_name
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
LIBRARY = Path(__file__).parents[1]


def module_digest(scripts: Iterable[Path], packages: Iterable[str] = ()) -> str:
    """The digest of scripts, of packages with all their files, and of what these import from the library.

    Rules take it as a parameter. As inputs, the files would be compared by age, and those of a fresh clone
    are newer than all results.

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
    content: dict[Path, str] = {}
    while files:
        path = files.pop()
        if path not in content:
            content[path], imported = _read(path)
            files += imported
    parts = sorted(f"{path.name} {text}" for path, text in content.items())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def function_digest(function: object) -> str:
    """The digest of the module that defines a function, or the class of a callable object."""
    while isinstance(function, partial):
        function = function.func
    defined = function if inspect.isfunction(function) else type(function)
    return module_digest([Path(inspect.getfile(defined))])


@cache
def _read(path: Path) -> tuple[str, list[Path]]:
    """The text of a file that counts, and the files of the library that it imports."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest(), []
    tree = _WithoutDocstrings().visit(ast.parse(path.read_bytes(), str(path)))
    package = ""
    if path.is_relative_to(LIBRARY):
        package = ".".join([PACKAGE, *path.relative_to(LIBRARY).parts[:-1]])
    names = {name for name in _imports(tree, package) if f"{name}.".startswith(f"{PACKAGE}.")}
    # Importing a module runs its parent packages, and an imported name need not be a module.
    parts = [name.split(".") for name in names]
    modules = {tuple(part[1:length]) for part in parts for length in range(1, len(part) + 1)}
    return ast.dump(tree), [file for module in modules if (file := _file(module)).is_file()]


class _WithoutDocstrings(ast.NodeTransformer):
    """Leaves out docstrings, and imports that only a type checker runs."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        for_type_checkers = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if for_type_checkers else self.generic_visit(node)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Names that a module of a package imports, now or when its functions are called."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                origin = resolve_name("." * level + (module or ""), package)
                yield from (f"{origin}.{alias.name}" for alias in names)
            case ast.Constant(value=str(text)) if ":" in text:  # "package.module:function", see `Lazy`
                yield text.partition(":")[0]


def _file(module: tuple[str, ...]) -> Path:
    """The file of a module of the library, which need not exist."""
    path = LIBRARY.joinpath(*module)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
