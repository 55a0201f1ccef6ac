"""Names of column types, of pandas and Polars, compared by what they hold and not by how it is stored."""

import re
from functools import cache
from typing import Final

_NUMBER: Final = re.compile(r"(u?int|float)(\d+)", re.IGNORECASE)
_TIME: Final = re.compile(r"(?:datetime64|datetime|timestamp)[\[(](.*)[\])]", re.IGNORECASE)
_DURATION: Final = re.compile(r"(?:timedelta64|duration)[\[(](.*)[\])]", re.IGNORECASE)
_SAME: Final = {
    "double": "float64",
    "float": "float64",
    "halffloat": "float16",
    "int": "int64",
    "boolean": "bool",
    "str": "string",
    "large_string": "string",
    "utf8": "string",
    "categorical": "category",
    "date32[day]": "date",
    "date32": "date",
    "null": "",
    "none": "",
}


@cache
def logical_type(name: str) -> str:
    """What a column of a type holds: ``int64`` is that of ``int64``, ``Int64`` and ``int64[pyarrow]``.

    ``float64``, ``string``, ``bool``, ``category``, ``datetime[us, UTC]``; any other name is itself.
    """
    arrow = name.endswith("[pyarrow]")
    plain = name.removesuffix("[pyarrow]").removesuffix("[python]").strip()
    if plain.lower() == "float" and arrow:
        return "float32"
    if number := _NUMBER.fullmatch(plain):
        return f"{number[1].lower()}{number[2]}"
    if time := _TIME.fullmatch(plain):
        return _of_parts("datetime", time[1])
    if duration := _DURATION.fullmatch(plain):
        return _of_parts("timedelta", duration[1])
    return _SAME.get(plain.lower(), plain.lower() if plain.lower() in _SAME.values() else plain)


def _of_parts(kind: str, parts: str) -> str:
    """``us, UTC`` and ``time_unit='us', time_zone='UTC'`` are the same parts; no zone is no part."""
    values = [part.rpartition("=")[2].strip(" '\"") for part in parts.split(",")]
    return f"{kind}[{', '.join(value for value in values if value not in {'', 'None'})}]"
