"""What a scalar of a YAML document means: text, a number, true, false or nothing.

PyYAML follows YAML 1.1, in which `22:00` is the number 1320 and `010` is 8.  Both are text here, as a reader
takes them.
"""

from typing import Any, Final

import yaml

Scalar = str | int | float | bool | None

_PREFIX: Final = "tag:yaml.org,2002:"
_RESOLVER: Final[Any] = yaml.resolver.Resolver()
_MOST_DIGITS: Final = 64
_INFINITE: Final = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


def known_tag(tag: str) -> bool:
    """Whether the tag that is written before a scalar means something here."""
    return tag == "!" or tag.removeprefix(_PREFIX) in {"str", "int", "float", "bool", "null"}


def is_merge(event: yaml.ScalarEvent) -> bool:
    """Whether a key is the plain `<<` that takes in another mapping."""
    return event.value == "<<" and event.tag is None and event.implicit[0]


def read_scalar(event: yaml.ScalarEvent) -> Scalar:
    """The value of a scalar; its text where it is not written as its kind is."""
    text: str = event.value
    if event.tag is None and not event.implicit[0]:
        return text  # in quotes
    tag = event.tag or _RESOLVER.resolve(yaml.ScalarNode, text, event.implicit)
    try:
        match tag.removeprefix(_PREFIX):
            case "null":
                return None
            case "bool":
                return yaml.constructor.SafeConstructor.bool_values[text.lower()]
            case "int" if len(text) > _MOST_DIGITS:
                return float("inf")  # refused wherever a number belongs, and nothing can choke on it
            case "int":
                return int(text.replace("_", ""), 0)
            case "float":
                return float(_INFINITE.get(text.lower(), text.replace("_", "")))
    except (KeyError, ValueError):
        return text
    return text
