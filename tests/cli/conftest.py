"""The command line, and installations for it to look at."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adaptive_assets.cli.main import cli
from tests.cli.sites import POLICIES, Adaptive, MakeSite, Site, Told, loaded
from tests.conftest import MakeInstance


@pytest.fixture
def make_site(make_instance: MakeInstance, tmp_path: Path) -> Iterator[MakeSite]:
    """Make installations: ``make_site(policies=…, postgres=False, **coordinator_config)``."""
    with ExitStack() as stack:

        def make(policies: str = POLICIES, *, postgres: bool = False, **config: Any) -> Site:
            file = tmp_path / "policies.yaml"
            file.write_text(policies)
            settings = {"policies": str(file), "dequeue_interval_seconds": 1, **config}
            coordinator = {
                "module": "adaptive_assets",
                "class": "AdaptiveRunCoordinator",
                "config": settings,
            }
            instance = make_instance(postgres=postgres, run_coordinator=coordinator)
            workspace = stack.enter_context(loaded(instance))
            observes = config.get("mode") == "observe"
            site = Site(Path(instance.root_directory), file, instance, workspace, observes)
            stack.callback(site.close)
            return site

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """An installation with two policies, on SQLite."""
    return make_site()


@pytest.fixture
def adaptive() -> Adaptive:
    """Call the command line in this process, as in ``adaptive("status", "--json")``."""

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="adaptive")

    return call


@pytest.fixture
def told(adaptive: Adaptive) -> Told:
    """The JSON that a command prints, whatever its exit code."""

    def call(*arguments: str | Path) -> Any:
        return json.loads(adaptive(*arguments, "--json").stdout)

    return call
