"""Which of the children's log lines a person at the terminal wants to see."""

import json
from typing import Any, Final

__all__ = ["worth_showing"]

OURS: Final = "dagster.adaptive_assets"
LOUD: Final = frozenset({"WARNING", "ERROR", "CRITICAL"})
_LONGEST: Final = 400


def worth_showing(name: str, line: str) -> str | None:
    """Return a line as it is to be shown, or ``None`` for one that only the log file keeps.

    Shown are the feed's lines, what the coordinator says, and warnings and errors of everyone.
    """
    if name == "feed":
        return line
    record = _record(line)
    if record is None:
        return None
    level, logger = str(record.get("levelname", "")), str(record.get("name", ""))
    ours = logger.startswith(OURS)
    if not ours and level not in LOUD:
        return None
    message = str(record.get("message", "")).strip()
    text = message if len(message) <= _LONGEST else message[:_LONGEST] + " ... (see the log)"
    clock = str(record.get("asctime", ""))[11:19]
    return f"{clock} {'decision' if ours else logger} {level} {text}"


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
