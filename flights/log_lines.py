"""Which of the children's log lines a person at the terminal wants to see."""

import json
from typing import Any, Final

OURS: Final = "dagster.adaptive_assets"
LOUD: Final = frozenset({"warning", "error", "critical"})
HUSHED: Final = ("BetaWarning", "PreviewWarning", "SupersessionWarning", "No cursor for event type")
"""Dagster's notes to those who develop with it; not about anything that happens here."""
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
    level, logger = str(record.get("level", "")), str(record.get("logger", ""))
    ours = logger.startswith(OURS)
    text = str(record.get("event", "")).strip()
    if not ours and (level not in LOUD or any(hushed in text for hushed in HUSHED)):
        return None
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " ... (see the log)"
    clock = str(record.get("timestamp", ""))[11:19]
    return f"{clock} {'coordinator' if ours else logger} {level.upper()} {text}"


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
