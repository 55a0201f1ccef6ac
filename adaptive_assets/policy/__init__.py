"""The policy layer: what people want, written in a file, read into frozen values and checked."""

from adaptive_assets.policy.builtin import BUILT_IN
from adaptive_assets.policy.catalogue import AssetFacts, Catalogue, CheckFacts
from adaptive_assets.policy.checking import check_policy_book
from adaptive_assets.policy.gates import ChecksGate, Gates, UpstreamsGate
from adaptive_assets.policy.loading import load_policy_book, parse_policy_book
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.on_readiness import OnFailedCheck, OnUnready
from adaptive_assets.policy.problems import PolicyError, Problem
from adaptive_assets.policy.reading import located, passed_over
from adaptive_assets.policy.schema import policy_schema
from adaptive_assets.policy.terms import (
    Cost,
    DeclaredEstimate,
    Guards,
    Objective,
    Policy,
    PressureGuards,
    Price,
    Ramp,
    Rung,
    Stage,
    StageEstimate,
    Tier,
    Window,
)
from adaptive_assets.policy.units import HourRange

__all__ = [
    "BUILT_IN",
    "AssetFacts",
    "Catalogue",
    "CheckFacts",
    "ChecksGate",
    "Cost",
    "DeclaredEstimate",
    "Gates",
    "Guards",
    "HourRange",
    "Objective",
    "OnFailedCheck",
    "OnUnready",
    "Policy",
    "PolicyBook",
    "PolicyError",
    "PressureGuards",
    "Price",
    "Problem",
    "Ramp",
    "Rung",
    "Stage",
    "StageEstimate",
    "Tier",
    "UpstreamsGate",
    "Window",
    "check_policy_book",
    "load_policy_book",
    "located",
    "parse_policy_book",
    "passed_over",
    "policy_schema",
]
