"""The reference of the policy file is right: its examples are run, and it leaves no key out."""

import re
from pathlib import Path

import pytest

from adaptive_assets.policy import (
    PolicyError,
    check_policy_book,
    parse_policy_book,
    policy_schema,
)
from tests.policy.catalogues import CATALOGUE, resolve

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "policy-file.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml"])
def test_its_examples_are_good_policy_files(text: str) -> None:
    """They load, and the checks have nothing against them."""
    assert check_policy_book(parse_policy_book(text, "policies.yaml"), CATALOGUE, resolve) == []


def test_its_errors_are_those_that_are_told() -> None:
    """Word by word."""
    ((text, said),) = [
        (text, BLOCKS[place + 1][1]) for place, (kind, text) in enumerate(BLOCKS) if kind == "yaml refused"
    ]
    with pytest.raises(PolicyError) as error:
        parse_policy_book(text, "policies.yaml")
    assert f"{error.value}\n" == said


def test_it_has_every_key_with_its_default() -> None:
    """Each key of the schema has a row of a table, or is spoken of; a default stands in its row."""
    schema = policy_schema()
    for part in (schema, *schema["$defs"].values()):
        for key, entry in part["properties"].items():
            assert f"`{key}`" in PAGE, key
            if isinstance(entry.get("default"), str):
                assert re.search(rf"^\| `{key}` \| `{entry['default']}` \|", PAGE, re.MULTILINE), key
