"""Which version of this package is at work."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def package_version() -> str | None:
    """Such as ``0.1.0``; ``None`` where the package was not installed."""
    try:
        return version("adaptive-assets")
    except PackageNotFoundError:
        return None
