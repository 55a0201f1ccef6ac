"""A Dagster home and what of ours is in it: the coordinator's settings, the policy book, the ledger."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from adaptive_assets.cli.errors import PROBLEMS, CliError, one_line
from adaptive_assets.cli.state import Modes

if TYPE_CHECKING:
    from collections.abc import Callable

    import dagster as dg

    from adaptive_assets.assets.policy_assignment import PolicyAssignment
    from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator
    from adaptive_assets.ledger import Ledger
    from adaptive_assets.policy import Catalogue, PolicyBook

HOME: Final = "DAGSTER_HOME"

home_option: "Callable[[Any], Any]" = click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="The Dagster home to look at. Without it: DAGSTER_HOME, from the environment or from ./.env.",
)
"""The option by which every command that looks at an instance takes its home."""


@dataclass(frozen=True, slots=True)
class InstallationSettings:
    """What ``run_coordinator.config`` says: the policy file as it is given there, and the ledger's URL.

    ``run_limit`` is ``max_concurrent_runs``; ``None`` where it is not given.
    """

    policies: str | None = None
    ledger: str | None = None
    mode: str = "act"
    run_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """An open instance.

    ``settings`` is ``None`` where another coordinator is in charge, ``ledger`` where nothing was recorded.
    """

    home: Path
    instance: "dg.DagsterInstance"
    coordinator: str
    settings: InstallationSettings | None
    ledger: "Ledger | None"

    @property
    def modes(self) -> Modes | None:
        """The mode that is configured, and that of the daemon; ``None`` under another coordinator."""
        from adaptive_assets.coordinator.coordinator_mode import periods
        from adaptive_assets.ledger import LedgerError

        if self.settings is None:
            return None
        try:
            noted = periods(self.ledger) if self.ledger else ()
        except LedgerError:
            noted = ()  # whoever reads more of it is told
        found = Modes(self.settings.mode)
        return replace(found, running=noted[-1].mode.value, since=noted[-1].since) if noted else found

    @property
    def observes(self) -> bool:
        """Whether our coordinator is in charge and only observes."""
        return self.modes is not None and self.modes.observes

    @property
    def policy_file(self) -> Path | None:
        """The policy file that the coordinator reads; ``None`` without one, or under another coordinator."""
        if self.settings is None or self.settings.policies is None:
            return None
        from adaptive_assets.policy import located

        return located(self.settings.policies, Path(self.instance.root_directory)).absolute()

    def book_in_force(self) -> "PolicyBook | None":
        """The policy book of the last cycle; ``None`` before the first.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        from adaptive_assets.policy import PolicyBook

        content = self.ledger.active_policy_book() if self.ledger else None
        try:
            return None if content is None else PolicyBook.model_validate_json(content)
        except ValueError:
            return None  # recorded by a version that knew more than this one, or less

    def catalogue(self) -> "Catalogue | None":
        """What the code locations last said of themselves; ``None`` if the ledger has none of them yet.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        from adaptive_assets.assets.catalogues import merged
        from adaptive_assets.policy import Catalogue

        bodies = self.ledger.catalogues() if self.ledger else {}
        return merged({name: Catalogue.from_json(body) for name, body in bodies.items()}) if bodies else None

    def assignment(self) -> "PolicyAssignment":
        """The policies in force over the assets; before the first cycle those that come, at worst none."""
        from adaptive_assets.assets.policy_assignment import PolicyAssignment
        from adaptive_assets.ledger import LedgerError
        from adaptive_assets.policy import BUILT_IN, Catalogue, PolicyBook, PolicyError, load_policy_book

        book, catalogue = None, Catalogue()
        try:
            book = self.book_in_force()
            catalogue = self.catalogue() or catalogue
        except LedgerError:
            pass  # runs carry in their tags what was decided: more cannot be known now
        try:
            if book is None and self.policy_file is not None:
                book = load_policy_book(self.policy_file)
            elif book is None and self.settings is not None:
                book = BUILT_IN
            return PolicyAssignment(book or PolicyBook(version=1), catalogue)
        except PolicyError:
            return PolicyAssignment(PolicyBook(version=1), catalogue)


def dagster_home(given: Path | None) -> Path | None:
    """The Dagster home: as given, else of the environment, else of ``.env`` as ``dagster dev`` reads it."""
    if given is not None:
        return given.expanduser().absolute()
    value = os.environ.get(HOME) or _env_file().get(HOME)
    return Path(value).expanduser().absolute() if value else None


@contextmanager
def opened(given: Path | None) -> Iterator[Installation]:
    """Open the installation in the Dagster home.

    Raises:
        CliError: there is no home, or it cannot be opened; says what would be right.
    """
    home = dagster_home(given)
    if home is None:
        raise CliError(
            f"{HOME} is not set, so there is no instance to look at.",
            "Set it to the directory that holds dagster.yaml, or give that directory with --home.",
        )
    if not home.is_dir():
        raise CliError(f"There is no Dagster home at {home}.", "Name the directory that holds dagster.yaml.")
    if not (home / "dagster.yaml").exists():
        raise CliError(f"{home} holds no dagster.yaml.", "Name the directory that does.")
    for name, value in _env_file().items():
        os.environ.setdefault(name, value)
    import dagster as dg

    from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator
    from adaptive_assets.ledger import LedgerError

    try:
        instance = dg.DagsterInstance.from_config(str(home))
        coordinator = instance.run_coordinator
        ours = coordinator if isinstance(coordinator, AdaptiveRunCoordinator) else None
        settings = _settings(ours) if ours else None
        ledger = _ledger(instance, settings)
    except (LedgerError, dg.DagsterError) as error:
        raise CliError(
            f"The Dagster instance in {home} cannot be used: {_cause(error)}", exit_code=PROBLEMS
        ) from error
    except Exception as error:  # storages and coordinators raise whatever their libraries do
        raise CliError(
            f"The Dagster instance in {home} cannot be opened: {one_line(error)}", exit_code=PROBLEMS
        ) from error
    try:
        with instance:
            yield Installation(home, instance, type(coordinator).__name__, settings, ledger)
    finally:
        if ledger is not None:
            ledger.dispose()


def _settings(coordinator: "AdaptiveRunCoordinator") -> InstallationSettings:
    config: Mapping[str, Any] = coordinator.inst_data.config_dict if coordinator.inst_data else {}
    limit = _text(config.get("max_concurrent_runs"))
    return InstallationSettings(
        _text(config.get("policies")),
        _text(config.get("ledger")),
        mode=_text(config.get("mode")) or "act",
        run_limit=None if limit is None else int(limit),
    )


def _text(value: Any) -> str | None:
    """A configured text: as it stands, or ``{env: NAME}``."""
    return os.environ.get(value["env"]) if isinstance(value, Mapping) else value


def _ledger(instance: "dg.DagsterInstance", settings: InstallationSettings | None) -> "Ledger | None":
    """The ledger, if it is there: to look must not create one.

    After our coordinator was taken out, what it recorded in the instance's own directory can still be read.
    """
    from adaptive_assets.coordinator.deployment import open_ledger
    from adaptive_assets.dagster_compat.storage import sqlite_directory
    from adaptive_assets.ledger import LedgerError, NoLedgerError, at_home, sqlite_ledger_url
    from adaptive_assets.ledger.location import Location

    url = settings.ledger if settings else None
    directory = sqlite_directory(instance)
    if url is None and directory is not None:
        url = sqlite_ledger_url(directory)
    if url is None and settings is None:
        return None
    file = Location.parse(at_home(url, Path(instance.root_directory))).file if url else None
    if file is not None and not file.exists():
        return None
    ledger = open_ledger(instance, url, existing=True)
    try:
        ledger.kept("")  # the least that can be read
    except NoLedgerError:
        ledger.dispose()
        return None
    except LedgerError:
        pass  # whoever reads it is told
    return ledger


def _env_file() -> dict[str, str]:
    """What ``.env`` in the working directory sets, as ``dagster dev`` takes it."""
    file = Path(".env")
    if not file.is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(file).items() if value is not None}


def _cause(error: Exception) -> str:
    """What is wrong, without the schema and stack traces that Dagster puts around a bad configuration."""
    causes = getattr(error, "errors", ())
    said = [" ".join(cause.message.split("Stack Trace:")[0].split()) for cause in causes]
    return "\n".join(said) or str(error)
