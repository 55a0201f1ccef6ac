"""What a simulation is reported as: a table for a terminal, JSON for programs, a page for people."""

from adaptive_assets.simulation.report.as_json import as_json
from adaptive_assets.simulation.report.compare import compare
from adaptive_assets.simulation.report.comparison import Comparison, Contender, Role
from adaptive_assets.simulation.report.page import page
from adaptive_assets.simulation.report.table import as_text

__all__ = ["Comparison", "Contender", "Role", "as_json", "as_text", "compare", "page"]
