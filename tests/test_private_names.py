"""Dagster's private names are met in one package, whose contract tests an upgrade must pass.

Private is whatever the package that a user imports does not itself export, wherever it is found: a name with
an underscore, one of a module further in, and a module that is reached through another one.
"""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parents[1] / "adaptive_assets"
THE_ONE_PLACE = PACKAGE / "dagster_compat"
PACKAGES = ("dagster.components",)
"""Whose exports are for users, as are those of each library itself."""
LIBRARIES = ("dagster", "dagster_graphql", "dagster_postgres", "dagster_shared", "dagster_webserver")


def test_private_dagster_modules_are_imported_in_one_place() -> None:
    """No module outside of `dagster_compat` meets one, at the top or inside a function."""
    offences = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if THE_ONE_PLACE not in path.parents
        for line, name in private_imports(path.read_text())
    ]
    assert not offences, "import these through adaptive_assets.dagster_compat:\n" + "\n".join(offences)


def test_every_way_to_import_is_seen() -> None:
    """The search behind the test above finds each form of import, and only private names of Dagster."""
    source = (
        "import dagster as dg\n"
        "import dagster._core.storage\n"
        "from dagster._daemon import x\n"
        "from dagster import _check, Definitions\n"
        "from dagster_postgres.utils import _y\n"
        "from ._local import z\n"
        "def later():\n"
        "    import dagster_shared._record\n"
        "from dagster.components.component import state_backed_component as components\n"
        "from dagster.components.component.state_backed_component import DefinitionsLoadContext\n"
        "from dagster.components import Component, Resolvable\n"
        "dg._core.storage\n"
        "dg.DagsterInstance.get().run_storage\n"
        "dg.components.component.state_backed_component\n"
        "dg.AssetKey.from_user_string\n"
    )
    assert [line for line, _ in private_imports(source)] == [2, 3, 4, 5, 8, 9, 10, 12, 14]


def private_imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each private module or name of Dagster's libraries that is imported or reached."""
    tree = ast.parse(source)
    libraries: dict[str, str] = {}
    found: list[tuple[int, str]] = []
    for node in (one for one in ast.walk(tree) if isinstance(one, ast.stmt)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            libraries |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [(node.lineno, name) for name in names if is_private(name)]
    for reached in (one for one in ast.walk(tree) if isinstance(one, ast.Attribute)):
        dotted = ast.unparse(reached)
        start, _, rest = dotted.partition(".")
        if libraries.get(start) in LIBRARIES and "(" not in rest and is_private(f"{libraries[start]}.{rest}"):
            found.append((reached.lineno, dotted))
    yield from sorted({line: (line, name) for line, name in sorted(found)}.values())


def is_private(name: str) -> bool:
    """Whether the name is of one of Dagster's libraries and not one that a user's package exports."""
    library, *inner = name.split(".")
    if library not in LIBRARIES or not inner:
        return False
    if any(part.startswith("_") for part in inner):
        return True
    packages = [package for package in (library, *PACKAGES) if name.startswith(f"{package}.")]
    return not any(exports(package, name.removeprefix(f"{package}.")) for package in packages)


def exports(package: str, name: str) -> bool:
    """Whether ``package`` itself exports ``name``, or what it is reached through, other than as a module."""
    found = getattr(importlib.import_module(package), name.partition(".")[0], None)
    return found is not None and not isinstance(found, ModuleType)
