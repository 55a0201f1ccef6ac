"""What is in a page of HTML, and that it is well formed."""

from html.parser import HTMLParser

from typing_extensions import override

__all__ = ["Elements"]

VOID = {"meta", "input", "br", "link"}


class Elements(HTMLParser):
    """Checks that every element is closed where it should be, and remembers names, attributes and tables.

    ``tables`` has the rows of each table, a row being the texts of its cells; ``scripts`` the scripts.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
            return
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data

    def column(self, table: int, head: str) -> list[str]:
        """The cells below a head."""
        rows = self.tables[table]
        place = rows[0].index(head)
        return [row[place] for row in rows[1:] if len(row) > place]
