"""What a simulation is reported as: a table for a terminal, JSON for programs, a page for people."""

from adaptive_assets.reporting.as_json import as_json
from adaptive_assets.reporting.as_text import as_text
from adaptive_assets.reporting.page import page

__all__ = ["as_json", "as_text", "page"]
