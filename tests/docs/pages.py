"""The pages of the documentation, and what is in them: code blocks, directives, links, tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)$")
_TITLE: Final = re.compile(r'title="([^"]*)"')
_DIRECTIVE: Final = re.compile(r"^<!-- reader: (.*) -->$")
_LINK: Final = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} +(.*)$")


@dataclass(frozen=True)
class Block:
    """A code block: its language, its ``title="…"``, its text, and the line of the page that it begins at."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @override
    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Directive:
    """What the reader is asked to do by hand: a comment that the page's reader does not see."""

    page: Path
    line: int
    text: str

    @override
    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """README, CHANGELOG and every page below ``docs``."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def steps(page: Path) -> Iterator[Block | Directive]:
    """The code blocks and directives of a page, from top to bottom.

    Raises:
        ValueError: a code block has no end.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        if directive := _DIRECTIVE.match(lines[number]):
            yield Directive(page, number + 1, directive[1])
        elif fence := _FENCE.match(lines[number]):
            indent = fence["indent"]
            try:
                end = lines.index(f"{indent}```", number + 1)
            except ValueError:
                raise ValueError(f"{page}:{number + 1}: the code block has no end") from None
            language, _, rest = fence["info"].strip().partition(" ")
            title = _TITLE.search(rest)
            text = "\n".join(line.removeprefix(indent) for line in lines[number + 1 : end])
            yield Block(page, number + 1, language, title[1] if title else rest, f"{text}\n")
            number = end
        number += 1


def blocks(page: Path, *languages: str) -> list[Block]:
    """The code blocks of a page in some languages, in all of them without any."""
    return [
        step
        for step in steps(page)
        if isinstance(step, Block) and (not languages or step.language in languages)
    ]


def links(page: Path) -> Iterator[str]:
    """The targets of the links of a page, outside of its code."""
    for line in _prose(page):
        for link in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            yield link["target"]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = (_HEADING.match(line) for line in _prose(page))
    return {re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-") for heading in headings if heading}


def table_keys(page: Path) -> list[str]:
    """What stands, in backquotes, in the first column of the page's tables."""
    rows = (re.match(r"^\| `([^`]+)` \|", line) for line in _prose(page))
    return [row[1] for row in rows if row]


def _prose(page: Path) -> Iterator[str]:
    """The lines that are in no code block."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line
