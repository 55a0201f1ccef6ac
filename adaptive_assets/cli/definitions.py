"""The assets and jobs of a project, loaded from its definitions: what a policy file is checked against."""

import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.cli.errors import CliError, one_line
from adaptive_assets.policy import Catalogue, Problem

if TYPE_CHECKING:
    from adaptive_assets.dagster_compat.workspace import LoadedWorkspace

POLICY_ERROR: Final = "PolicyError: "
PROBLEM: Final = re.compile(
    r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<warning>warning: )?(?P<message>.*)"
)


@dataclass(frozen=True, slots=True)
class Project:
    """What a project defines; ``problems`` are those for which its ``adapt()`` turns a policy file down."""

    catalogue: Catalogue
    problems: tuple[Problem, ...] = ()


def load_project(*, definitions: Path | None, module: str | None, workspace: Path | None) -> Project:
    """Load what one of the three names: a Python file, a module, or the locations of a workspace file.

    Raises:
        CliError: it cannot be loaded for another reason than a policy file; says why.
    """
    if workspace is not None:
        return _load(workspace)
    if definitions is not None:
        return _load({"load_from": [{"python_file": str(definitions)}]})
    return _load(
        {"load_from": [{"python_module": {"module_name": module, "working_directory": str(Path.cwd())}}]}
    )


def _load(workspace: Mapping[str, Any] | Path) -> Project:
    import dagster as dg

    from adaptive_assets.assets.catalogues import catalogue_of, merged
    from adaptive_assets.dagster_compat.workspace import loaded_workspace

    named = str(workspace) if isinstance(workspace, Path) else "the definitions"
    try:
        with (
            _apart(),
            dg.DagsterInstance.local_temp() as instance,
            loaded_workspace(instance, workspace) as loaded,
        ):
            problems = tuple(_problems_of(loaded))
            locations = {name: entry.code_location for name, entry in loaded.entries.items()}
            known = merged({name: catalogue_of(one) for name, one in locations.items() if one})
            return Project(Catalogue(known.assets, {**known.jobs, **loaded.jobs}), problems)
    except CliError:
        raise
    except Exception as error:
        raise CliError(f"{named} cannot be loaded: {one_line(error)}") from error


@contextmanager
def _apart() -> Iterator[None]:
    """What the project prints while it is loaded stays out of our output."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _problems_of(loaded: "LoadedWorkspace") -> Iterator[Problem]:
    for location, message in loaded.failed.items():
        _, is_policy_error, told = message.partition(POLICY_ERROR)
        if not is_policy_error:
            raise CliError(f"{location} cannot be loaded: {message}")
        for line in told.splitlines():
            yield _problem(line)


def _problem(line: str) -> Problem:
    """A problem as it was before it was told on a line of its own."""
    parts = PROBLEM.fullmatch(line)
    if parts is None:
        file, _, message = line.partition(": ")
        return Problem(file, 0, 0, message)
    severity: Any = "warning" if parts["warning"] else "error"
    return Problem(parts["file"], int(parts["line"]), int(parts["column"]), parts["message"], "", severity)
