"""Dagster's private names are met in one module, whose contract tests an upgrade must pass."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "adaptive_assets"
THE_ONE_PLACE = PACKAGE / "workflow" / "dagster_private.py"
LIBRARIES = ("dagster", "dagster_graphql", "dagster_postgres", "dagster_shared", "dagster_webserver")


def test_private_dagster_modules_are_imported_in_one_place() -> None:
    """No module but `workflow/dagster_private.py` imports `dagster._*`, at the top or inside a function."""
    offences = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != THE_ONE_PLACE
        for line, name in private_imports(path.read_text())
    ]
    assert not offences, "import these through adaptive_assets.workflow.dagster_private:\n" + "\n".join(
        offences
    )


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
    )
    assert [line for line, _ in private_imports(source)] == [2, 3, 4, 5, 8]


def private_imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each import of a private module or name of Dagster's libraries."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            library, *inner = name.split(".")
            if library in LIBRARIES and any(part.startswith("_") for part in inner):
                yield node.lineno, name
