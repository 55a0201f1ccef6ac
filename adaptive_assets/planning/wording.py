"""Numbers as people read them, for the sentences of reasons."""

__all__ = ["cores", "seconds", "share", "size"]


def size(value: float) -> str:
    """Bytes, in the largest unit that keeps the number above one: ``1.5 GiB``."""
    for unit, factor in (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if abs(value) >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"


def cores(value: float) -> str:
    """Cores: ``0.25 cores``, ``1 core``."""
    return "1 core" if value == 1 else f"{value:.2f}".rstrip("0").rstrip(".") + " cores"


def share(value: float) -> str:
    """A share of one: ``85%``."""
    return f"{value * 100:.0f}%"


def seconds(value: float) -> str:
    """A duration, in the two largest units that matter: ``2m 05s``."""
    whole = round(abs(value))
    sign = "-" if value < 0 and whole else ""
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours:02d}h"
    if hours:
        return f"{sign}{hours}h {minutes:02d}m"
    if minutes:
        return f"{sign}{minutes}m {rest:02d}s"
    return f"{sign}{rest}s"
