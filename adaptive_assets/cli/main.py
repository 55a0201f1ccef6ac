"""The entry point: ``adaptive``."""

import errno
from typing import Any

import click
from typing_extensions import override

from adaptive_assets.cli.contract import contract
from adaptive_assets.cli.demo.command import demo
from adaptive_assets.cli.errors import PROBLEMS, CliError, one_line
from adaptive_assets.cli.explain import explain
from adaptive_assets.cli.policy import policy
from adaptive_assets.cli.queue import queue
from adaptive_assets.cli.replay import replay
from adaptive_assets.cli.report import report
from adaptive_assets.cli.simulate import simulate
from adaptive_assets.cli.status import status


class _Commands(click.Group):
    """A group that turns what nobody expected into a sentence, unless a traceback is asked for."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            broken_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
            if broken_pipe or ctx.params["traceback"]:
                raise
            # by name: importing it would make every start slower
            if any(kind.__name__ == "LedgerError" for kind in type(error).__mro__):
                raise CliError(str(error), exit_code=PROBLEMS) from error
            raise CliError(
                f"{type(error).__name__}: {one_line(error)}",
                "This was not foreseen; `adaptive --traceback …` shows where it happened.",
                exit_code=PROBLEMS,
            ) from error


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="adaptive-assets", message="%(prog)s %(version)s")
@click.option("--traceback", is_flag=True, help="Show where an unforeseen error happened.")
def cli(traceback: bool) -> None:
    """Look at an adaptive Dagster deployment, and check what governs it.

    Exit codes: 0 when all is well, 1 when problems were found, 2 when the command cannot be carried out.
    """


for command in (policy, contract, status, queue, explain, report, replay, simulate, demo):
    cli.add_command(command)


def main() -> None:
    """Run the command line of this process."""
    cli(prog_name="adaptive")
