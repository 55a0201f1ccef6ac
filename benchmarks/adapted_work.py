"""The code location of ``benchmarks.synthetic_work`` as a user of ours has it: what it defines, adapted."""

from pathlib import Path
from typing import Final

from adaptive_assets import adapt
from benchmarks import synthetic_work

POLICIES: Final = Path(__file__).with_name("real_policies.yaml")

defs = adapt(synthetic_work.defs, policies=POLICIES)
