"""Guards that agree with each other about how many runs may start."""

from collections.abc import Iterator

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.terms import Guards


def pacing_findings(guards: Guards) -> Iterator[Finding]:
    """What one of the ``guards`` says and another one makes moot, by paths from the book."""
    ramp, concurrency = guards.ramp, guards.concurrency
    if ramp is not None and concurrency is not None and ramp.runs > concurrency:
        yield Finding(
            ("guards", "ramp", "runs"),
            f"a step of {ramp.runs} runs is more than the {concurrency} that may be active at once",
            f"write at most `{concurrency}`, or raise `concurrency`",
            "warning",
        )
