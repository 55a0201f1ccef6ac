"""The reference page has every command, every option and every key that there is."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from adaptive_assets.cli.main import cli
from tests.cli.sites import Site, Told

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def commands(command: click.Command = cli, name: str = "adaptive") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what one types."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from commands(inner, f"{name} {inner.name}")
    else:
        yield name, command


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_command_and_option_is_described(name: str, command: click.Command) -> None:
    """A section of its own, and in it a row for each option."""
    section = PAGE.partition(f"\n## `{name}")[2].partition("\n## ")[0]
    assert section
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert f"`{option}" in section, option


def test_every_key_of_the_json_is_named(site: Site, told: Told) -> None:
    """By the row of its command."""
    run_id = site.submit("forecast")
    site.cycle()
    answers = {
        "status": told("status"),
        "queue": told("queue"),
        "explain": told("explain", run_id),
        "policy check": told("policy", "check", site.policies),
    }
    keys = PAGE.partition("\n## JSON")[2]
    for command, answer in answers.items():
        (row,) = [line for line in keys.splitlines() if line.startswith(f"| `{command}` |")]
        nested = [answer.get(key, [{}])[0] for key in ("runs", "decisions", "files") if key in answer]
        for key in [*answer, *(key for entry in nested for key in entry)]:
            assert f"`{key}`" in row, (command, key)
