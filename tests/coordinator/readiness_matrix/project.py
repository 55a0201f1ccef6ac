"""The code of the two locations: ``here`` makes what reads, ``there`` has the other upstream assets."""

from collections.abc import Iterable

from tests.coordinator.readiness_matrix.cells import PARTITIONS, Age, Cell, Checked, Gate, Reads

CHECK = "sound"

POLICIES = """\
version: 1
guards: {cpu: 100%, memory: 100%}
policies:
  - name: strict
    select: group:strict
    gates: {fresh: pass, checks: pass, accept_degraded: false}
    estimate: {cpu: 0, memory: 1KiB, duration: 1s}
  - name: mild
    select: group:mild
    gates: {fresh: warn, checks: warn}
    estimate: {cpu: 0, memory: 1KiB, duration: 1s}
default: {estimate: {cpu: 0, memory: 1KiB, duration: 1s}}
"""

_BEGIN = f"""\
import warnings
from datetime import timedelta

import dagster as dg

from adaptive_assets import inputs_ready

warnings.filterwarnings("ignore", category=dg.PreviewWarning)
parts = dg.StaticPartitionsDefinition({list(PARTITIONS)!r})
policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2), warn_window=timedelta(hours=1))
outside = []
made = {{None: [], parts: []}}
checked = {{None: [], parts: []}}
# the same of automation as of runs
asks = {{
    "strict": inputs_ready(fresh="pass", checks="pass", accept_degraded=False),
    "mild": inputs_ready(fresh="warn", checks="warn"),
}}

def asset(specs, key, partitions, **given):
    specs.append(dg.AssetSpec(key, partitions_def=partitions, **given))

def check(key, partitions):
    spec = dg.AssetCheckSpec("{CHECK}", asset=key, blocking=True, partitions_def=partitions)
    checked[partitions].append(spec)

"""
_END = """
def makes(number, specs):
    @dg.multi_asset(specs=specs, name=f"make_{number}", can_subset=True)
    def make(): ...
    return make

def checks(number, specs):
    @dg.multi_asset_check(specs=specs, name=f"check_{number}", can_subset=True)
    def check(): ...
    return check

defs = dg.Definitions(
    assets=[*outside, *(makes(number, specs) for number, specs in enumerate(made.values()) if specs)],
    asset_checks=[checks(number, specs) for number, specs in enumerate(checked.values()) if specs],
)
"""
"""One function makes all of a kind: two thousand would take long to load."""


def code(asked: Iterable[tuple[Cell, Gate]]) -> dict[str, str]:
    """The code of each location by name."""
    asked = list(asked)
    here, there = [_BEGIN], [_BEGIN]
    for cell in dict.fromkeys(cell for cell, _ in asked):
        (here if cell.same_location else there).append(_upstream(cell))
    here += [_reader(cell, gate) for cell, gate in asked]
    return {"here": "".join([*here, _END]), "there": "".join([*there, _END])}


def _upstream(cell: Cell) -> str:
    partitions = "parts" if cell.partitioned else "None"
    specs = "outside" if cell.external else f"made[{partitions}]"
    policy = "" if cell.age is Age.MISSING else ", freshness_policy=policy"
    lines = f"asset({specs}, {cell.name!r}, {partitions}{policy})\n"
    if cell.checked is not Checked.NO_CHECK:
        lines += f"check({cell.name!r}, {'parts' if cell.check_has_partitions else None})\n"
    return lines


def _reader(cell: Cell, gate: Gate) -> str:
    partitions = "parts" if cell.partitioned else "None"
    mapping = 'dg.StaticPartitionMapping({"a": "b", "b": "c"})' if cell.reads is Reads.MAPPED else None
    dep = f"dg.AssetDep({cell.name!r}, partition_mapping={mapping})"
    given = f"{cell.reader(gate)!r}, {partitions}, deps=[{dep}], group_name={str(gate)!r}"
    given += f", automation_condition=asks[{str(gate)!r}]"
    return f"asset(made[{partitions}], {given})\n"
