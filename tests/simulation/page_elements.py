"""What is in a page of HTML, and that it is well formed."""

from html.parser import HTMLParser

from typing_extensions import override

__all__ = ["Elements"]

VOID = {"meta", "input", "br", "link"}


class Elements(HTMLParser):
    """Checks that every element is closed where it should be, and remembers names and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.text.append(data)
