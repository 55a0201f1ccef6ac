"""Why a run is decided on as it is: a code and numbers, which become a sentence when somebody reads them."""

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from adaptive_assets.planning.data_sentences import input_name
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.planning.sentences import Number, Numbers, sentence_of
from adaptive_assets.planning.short_forms import short_form

__all__ = ["Number", "Numbers", "Reason", "ReasonCode"]

_NONE: Final[Numbers] = {}


class Reason:
    """One rule that spoke: its code and its numbers (bytes, cores, seconds, shares).

    ``because`` is the reason behind it, where there is one; ``names`` are assets, checks or stages that the
    sentence names; ``sentence`` is for planners with other rules. Else the sentence is made when it is first
    read: of the thousands of kinds of work that may wait, few are told anew in any one cycle.
    """

    __slots__ = ("_own_words", "_sentence", "because", "code", "names", "numbers")

    def __init__(
        self,
        code: ReasonCode,
        numbers: Mapping[str, Number] = _NONE,
        *,
        because: "Reason | None" = None,
        names: tuple[str, ...] = (),
        sentence: str | None = None,
    ) -> None:
        self.code: Final = code
        self.numbers: Final = numbers
        self.because: Final = because
        self.names: Final = names
        self._sentence = sentence
        self._own_words = sentence is not None

    def with_number(self, name: str, value: Number) -> "Reason":
        """The same reason with another number."""
        sentence = self._sentence if self._own_words else None
        numbers = {**self.numbers, name: value}
        return Reason(self.code, numbers, because=self.because, names=self.names, sentence=sentence)

    @property
    def sentence(self) -> str:
        """What people read."""
        if self._sentence is None:
            because = self.because.sentence if self.because else ""
            self._sentence = sentence_of(self.code, self.numbers, self.names, because)
        return self._sentence

    @property
    def subject(self) -> str:
        """The input that it is about, as its sentence has it; empty where it is about none."""
        return input_name(self.numbers) if "asset" in self.numbers else ""

    @property
    def short(self) -> str:
        """The reason in a few words, for a tag."""
        if self._own_words:
            return self.code.value.replace("_", " ")
        return short_form(self.code, self.numbers, self.names)

    def plain(self) -> dict[str, object]:
        """The reason as JSON has it; without numbers where there are none."""
        told: dict[str, object] = {"code": self.code.value, "sentence": self.sentence}
        return {**told, "numbers": dict(self.numbers)} if self.numbers else told

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and self.plain() == other.plain()

    @override
    def __hash__(self) -> int:
        return hash(self.code)

    @override
    def __repr__(self) -> str:
        return f"Reason({self.code!r}, {self.sentence!r}, {dict(self.numbers)!r})"
