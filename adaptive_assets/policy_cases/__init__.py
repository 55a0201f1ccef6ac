"""Policies tested by cases: files that say what is true, and what must be decided and said."""

from adaptive_assets.policy_cases.judging import Judgement, Miss, judge
from adaptive_assets.policy_cases.loading import Case, CaseFile, book_of, load_cases, parse_cases, snapshot_of

__all__ = [
    "Case",
    "CaseFile",
    "Judgement",
    "Miss",
    "book_of",
    "judge",
    "load_cases",
    "parse_cases",
    "snapshot_of",
]
