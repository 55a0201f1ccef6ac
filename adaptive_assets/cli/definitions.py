"""The assets and jobs of a project, loaded from its definitions: what a policy file is checked against."""

import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.cli.errors import CliError, one_line
from adaptive_assets.policy import Catalogue, Problem

if TYPE_CHECKING:
    import dagster as dg

    from adaptive_assets.assets.deaf import Deaf
    from adaptive_assets.dagster_compat.workspace import CodeLocation, LoadedWorkspace

POLICY_ERROR: Final = "PolicyError: "
PROBLEM: Final = re.compile(
    r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<warning>warning: )?(?P<message>.*)"
)


@dataclass(frozen=True, slots=True)
class Project:
    """What a project defines; ``problems`` is all that its ``adapt()`` has against its policy file.

    ``deaf`` is what of it does not ask for the run's mode.
    """

    catalogue: Catalogue
    deaf: "Deaf"
    problems: tuple[Problem, ...] = ()


def load_project(*, definitions: Path | None, module: str | None, workspace: Path | None) -> Project:
    """Load what one of the three names: a Python file, a module, or the locations of a workspace file.

    Raises:
        CliError: it cannot be loaded for another reason than a policy file; says why.
    """
    from adaptive_assets.assets.catalogues import catalogue_of, merged
    from adaptive_assets.assets.telling import collected

    with (
        collected() as told,
        loaded_apart(definitions=definitions, module=module, workspace=workspace) as loaded,
    ):
        problems = (*told, *_problems_of(loaded))
        locations = {name: entry.code_location for name, entry in loaded.entries.items()}
        known = merged({name: catalogue_of(one) for name, one in locations.items() if one})
        catalogue = Catalogue(known.assets, {**known.jobs, **loaded.jobs})
        return Project(catalogue, _deaf(catalogue, filter(None, locations.values())), problems)


@contextmanager
def loaded_apart(
    *, definitions: Path | None, module: str | None, workspace: Path | None
) -> "Iterator[LoadedWorkspace]":
    """The code locations that one of the three names, while it lasts; what they print goes to stderr.

    Raises:
        CliError: they cannot be loaded; says why.
    """
    from adaptive_assets.dagster_compat.workspace import loaded_workspace

    named = "the definitions" if workspace is None else str(workspace)
    origin: Mapping[str, Any] | Path
    if workspace is not None:
        origin = workspace
    elif definitions is not None:
        origin = {"load_from": [{"python_file": str(definitions)}]}
    else:
        here = {"module_name": module, "working_directory": str(Path.cwd())}
        origin = {"load_from": [{"python_module": here}]}
    try:
        with (
            _apart(),
            _instance_of_nothing() as instance,
            loaded_workspace(instance, origin) as loaded,
        ):
            yield loaded
    except CliError:
        raise
    except Exception as error:
        raise CliError(f"{named} cannot be loaded: {one_line(error)}") from error


@contextmanager
def _instance_of_nothing() -> "Iterator[dg.DagsterInstance]":
    """For the time of the check; with a `dagster.yaml`, because Dagster warns where there is none."""
    import dagster as dg

    with TemporaryDirectory() as home:
        Path(home, "dagster.yaml").touch()
        with dg.DagsterInstance.local_temp(home) as instance:
            yield instance


def _deaf(catalogue: Catalogue, locations: "Iterable[CodeLocation]") -> "Deaf":
    from adaptive_assets.assets.asset_keys import text_of
    from adaptive_assets.assets.deaf import RUN_MODE, Deaf
    from adaptive_assets.dagster_compat.modes import deaf_work

    assets: set[str] = set()
    jobs: set[str] = set()
    for location in locations:
        for repository in location.get_repositories().values():
            deaf, of_ops = deaf_work(repository, RUN_MODE)
            assets |= {text_of(key) for key in deaf}
            jobs |= of_ops
    made_by: defaultdict[str, set[str]] = defaultdict(set)
    for key, facts in catalogue.assets.items():
        for names in facts.jobs_by_location().values():
            for job in names:
                made_by[job].add(key)
    return Deaf(assets, jobs, made_by)


@contextmanager
def _apart() -> Iterator[None]:
    """What the project prints while it is loaded stays out of our output, and warnings are not shown at all.

    A project may set filters of its own while it is loaded, so the display of warnings is replaced too.
    """
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.showwarning = lambda *_, **__: None
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
