"""The policy file that an option or argument names: the one that the coordinator would take by that path."""

from pathlib import Path
from typing import Final

import click

from adaptive_assets.cli.installation import dagster_home

POLICY_FILE: Final = click.Path(dir_okay=False, path_type=Path)
"""The type of an option that names one; :func:`policy_file` finds it."""


def policy_file(given: Path, home: Path | None = None) -> Path:
    """The file that ``given`` means, whether it is there or not; as it was written where that names it too.

    Raises:
        click.BadParameter: two files are meant, of which the coordinator would take the one in its home.
    """
    from adaptive_assets.policy import located, passed_over

    at_home = dagster_home(home)
    file, other = located(given, at_home), passed_over(given, at_home)
    if other is not None:
        raise click.BadParameter(
            f"`{given}` is {file} for the coordinator, and {other} here, which says something else;"
            " write the whole path of the one that you mean."
        )
    return given if file != given and given.exists() and file.samefile(given) else file


def existing_policy_file(given: Path, home: Path | None = None) -> Path:
    """The file that ``given`` means, which must be there.

    Raises:
        click.BadParameter: it is not, and where it was looked for; or as :func:`policy_file`.
    """
    file = policy_file(given, home)
    if file.is_file():
        return file
    from adaptive_assets.policy import PolicyError, load_policy_book

    try:
        load_policy_book(given, dagster_home(home))
    except PolicyError as error:
        raise click.BadParameter(f"{error}.") from None
    return file
