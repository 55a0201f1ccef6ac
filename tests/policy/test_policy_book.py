"""The policy book as a value: lookups, defaults, equality and revision, and books built in code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adaptive_assets.policy import (
    ChecksGate,
    Cost,
    DeclaredEstimate,
    Gates,
    Guards,
    HourRange,
    Objective,
    Policy,
    PolicyBook,
    Price,
    Ramp,
    Rung,
    Tier,
    Window,
    parse_policy_book,
)

REPORTS = """
version: 1
guards: {cpu: 50%, memory: 80%, pressure: {io: 40%}, concurrency: 3}
policies:
  - name: reports
    select: group:reports
    tier: batch
    objective: {deadline: 90s}
    gates: {fresh: warn, wait_at_most: 1h30m, then: launch}
    degrade: [{mode: reduced, with: {sample: 0.25}, estimate: {memory: 512MiB}}]
    window: {prefer: "22:00-06:00", timezone: America/New_York, latest: 24h}
    estimate: {cpu: 1.5, memory: 1.5GiB, duration: 3m}
"""


def test_a_file_and_code_make_the_same_book() -> None:
    """Files carry units, code passes plain numbers: seconds, bytes, cores, fractions of one."""
    reports = Policy(
        name="reports",
        select="group:reports",
        tier="batch",
        objective=Objective(deadline=90.0),
        gates=Gates(fresh="warn", wait_at_most=5400.0, then="launch"),
        degrade=(Rung(mode="reduced", parameters={"sample": 0.25}, estimate=DeclaredEstimate(memory=2**29)),),
        window=Window(prefer=HourRange(22 * 60, 6 * 60), timezone="America/New_York", latest=86400.0),
        estimate=DeclaredEstimate(cpu=1.5, memory=3 * 2**29, duration=180.0),
    )
    guards = Guards.model_validate({"cpu": 0.5, "memory": 0.8, "pressure": {"io": 0.4}, "concurrency": 3})
    built = PolicyBook(version=1, guards=guards, policies=(reports,))
    read = parse_policy_book(REPORTS, "reports.yaml")
    assert read == built
    assert hash(read) == hash(built)
    assert read.revision == built.revision


def test_the_book_of_an_empty_file_has_defaults() -> None:
    """Three tiers, two guards, and a default policy that asks for nothing."""
    book = parse_policy_book("version: 1", "p.yaml")
    assert [tier.name for tier in book.tiers] == ["critical", "standard", "batch"]
    assert [book.rank(name) for name in ("critical", "standard", "batch")] == [0, 1, 2]
    assert (book.guards.cpu, book.guards.memory, book.guards.concurrency) == (1.0, 0.80, None)
    assert book.policies == ()
    assert (book.default.name, book.default.tier, book.default.gates) == ("default", "standard", Gates())


def test_an_unknown_name_falls_back_to_the_default_policy() -> None:
    """A run whose policy was renamed is still governed."""
    book = parse_policy_book(REPORTS, "reports.yaml")
    assert book.policy("reports").name == "reports"
    assert book.policy("renamed since") is book.default
    with pytest.raises(KeyError):
        book.rank("renamed since")


def test_work_without_a_tier_is_standard_or_else_of_the_lowest_tier() -> None:
    """Importance must be asked for."""
    text = "version: 1\ntiers: [{name: gold}, {name: silver}]\npolicies:\n  - {name: a, jobs: [a]}\n"
    book = parse_policy_book(text, "p.yaml")
    assert (book.policies[0].tier, book.default.tier) == ("silver", "silver")
    named = parse_policy_book(
        text + "  - {name: b, jobs: [b], tier: gold}\ndefault: {tier: gold}\n", "p.yaml"
    )
    assert (named.policy("b").tier, named.default.tier) == ("gold", "gold")


@pytest.mark.parametrize(
    ("gates", "given"),
    [
        (Gates(), False),
        (Gates(wait_at_most=60.0, then="launch"), False),
        (Gates(fresh="warn"), True),
        (Gates(checks=ChecksGate()), True),
        (Gates(accept_degraded=False), True),
    ],
)
def test_gates_without_a_condition_are_none(gates: Gates, given: bool) -> None:
    """How long to wait for them is no condition."""
    assert gates.any_given is given


def test_a_book_does_not_change() -> None:
    """Values are frozen, all the way down."""
    book = parse_policy_book(REPORTS, "reports.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        book.guards.cpu = 0.9  # type: ignore[misc]


def test_tiers_guards_and_prices_say_how_room_is_made_and_shared() -> None:
    """In seconds, runs, and money for one core in one hour."""
    text = """
version: 1
tiers: [{name: high, preempts: [low]}, {name: low, preemption: suspend, patience: 30m}]
guards: {ramp: {runs: 4, every: 30s}}
prices: [{per_core_hour: 0.04}, {per_core_hour: 0.01, node_class: spot, hours: "22:00-06:00"}]
default: {tier: low, cost: {at_most: 0.02, latest: 2h}, owner: team, weight: 3, opportunity: true}
"""
    book = parse_policy_book(text, "p.yaml")
    assert book.tiers == (
        Tier(name="high", preempts=("low",), patience=7200.0),
        Tier(name="low", preemption="suspend", patience=1800.0),
    )
    assert book.guards.ramp == Ramp(runs=4, every=30.0)
    assert book.prices == (
        Price(per_core_hour=0.04),
        Price(per_core_hour=0.01, node_class="spot", hours=HourRange(22 * 60, 6 * 60), timezone="UTC"),
    )
    assert book.default.cost == Cost(at_most=0.02, latest=7200.0)
    assert (book.default.owner, book.default.weight, book.default.opportunity) == ("team", 3.0, True)
    assert parse_policy_book("version: 1", "p.yaml").guards.ramp is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Policy(name="idle"), "the policy `idle` governs nothing"),
        (lambda: Gates(wait_at_most=5.0), "`wait_at_most` does not say what happens then"),
        (lambda: Gates(then="fail"), "`then: fail` does not say when"),
        (lambda: Rung(mode="full"), "`full` is no way to do less"),
        (lambda: Rung(mode="last_good", parameters={"a": 1}), "`last_good` makes nothing"),
        (lambda: DeclaredEstimate(cpu=-1.0), "greater than or equal to 0"),
        (lambda: Guards(cpu=1.5), "less than or equal to 1"),
        (lambda: PolicyBook(version=1, tiers=(Tier(name="a"), Tier(name="a"))), "two tiers are named `a`"),
        (lambda: PolicyBook(version=1, default=Policy(name="x", jobs=("a",))), "holds for everything else"),
        (
            lambda: PolicyBook(version=1, policies=(Policy(name="a", jobs=("a",), tier="urgent"),)),
            "there is no tier `urgent`",
        ),
    ],
)
def test_code_cannot_build_a_book_that_a_file_could_not_hold(make: type, message: str) -> None:
    """The same rules, as pydantic's errors."""
    with pytest.raises(ValidationError, match=message):
        make()


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + REPORTS,
        REPORTS.replace("  - name", "  -   name").replace("    ", "      ").replace("  -         ", "  -   "),
        REPORTS.replace("1.5GiB", "1536MiB").replace("90s", "1m30s").replace("24h", "1d"),
        REPORTS + "default: {tier: standard}\n",
        REPORTS.replace("memory: 80%, ", ""),
    ],
    ids=["comment", "layout", "units", "default", "default guard"],
)
def test_the_revision_stays_while_the_book_says_the_same(same: str) -> None:
    """Comments, layout, other units for the same amount, and defaults written out make no new revision."""
    assert (
        parse_policy_book(same, "other.yaml").revision == parse_policy_book(REPORTS, "reports.yaml").revision
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("50%", "51%"),
        ("tier: batch", "tier: standard"),
        ("0.25", "0.5"),
        ("22:00", "22:01"),
        ("then: launch", "then: fail"),
    ],
)
def test_the_revision_changes_with_what_the_book_says(old: str, new: str) -> None:
    """Anything that could change a decision is a new revision."""
    changed = parse_policy_book(REPORTS.replace(old, new), "reports.yaml")
    assert changed.revision != parse_policy_book(REPORTS, "reports.yaml").revision


def test_the_revision_is_the_same_on_every_machine() -> None:
    """It is written down in ledgers: a change of this value must be meant."""
    assert parse_policy_book("version: 1", "p.yaml").revision == "fa994e19b369"


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).filter(lambda name: name != "default")
DURATIONS = st.none() | st.integers(1, 10**9).map(lambda milliseconds: milliseconds / 1000)
TEXTS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
PARAMETERS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(TEXTS)
)


@st.composite
def books(draw: st.DrawFn) -> PolicyBook:
    """Policy books of all shapes."""
    policies = tuple(
        Policy(
            name=name,
            select=draw(st.none() | st.just("*")),
            jobs=("job",),
            run_tags=draw(
                st.dictionaries(
                    st.text(TEXTS, min_size=1, max_size=5), st.text(TEXTS, max_size=5), max_size=2
                )
            ),
            tier=draw(st.sampled_from(["critical", "standard", "batch"])),
            objective=Objective(deadline=draw(DURATIONS), freshness=draw(DURATIONS)),
            degrade=tuple(
                Rung(
                    mode=mode,
                    parameters=draw(st.dictionaries(st.text(TEXTS, min_size=1), PARAMETERS, max_size=2)),
                )
                for mode in draw(st.lists(NAMES.filter(lambda mode: mode != "full"), max_size=2))
            ),
            window=draw(st.none() | st.just(Window(prefer=HourRange(60, 30), timezone="UTC"))),
            estimate=DeclaredEstimate(
                memory=draw(st.none() | st.integers(1, 2**63 - 1)), duration=draw(DURATIONS)
            ),
        )
        for name in draw(st.lists(NAMES, max_size=3, unique=True))
    )
    return PolicyBook(version=1, policies=policies)


@given(books())
def test_the_content_of_a_book_makes_the_book_again(book: PolicyBook) -> None:
    """A ledger that keeps the content can plan again under it."""
    again = PolicyBook.model_validate_json(book.content())
    assert again == book
    assert again.revision == book.revision


def test_what_is_merged_in_gives_way_to_what_is_written() -> None:
    """A mapping's own keys win over `<<`, and its first mapping over its second."""
    text = """
version: 1
policies:
  - {name: a, jobs: [a], estimate: &small {cpu: 1, duration: 1m}}
  - {name: b, jobs: [b], estimate: &large {cpu: 4, memory: 4GiB, duration: 1h}}
  - {name: c, jobs: [c], estimate: {duration: 5m, <<: [*small, *large]}}
"""
    estimate = parse_policy_book(text, "p.yaml").policy("c").estimate
    assert estimate == DeclaredEstimate(cpu=1.0, memory=4 * 2**30, duration=300.0)


def test_a_tier_has_a_fifth_of_the_cpu_weight_of_the_one_above() -> None:
    """Unless the file says otherwise; none has less than 1."""
    tiers = "[{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]"
    used = "policies: [{name: p, jobs: [j], tier: a}]"
    book = parse_policy_book(f"version: 1\ntiers: {tiers}\n{used}\n", "p")
    assert [book.cpu_weight(tier) for tier in "abcde"] == [100, 20, 4, 1, 1]
    book = parse_policy_book("version: 1\ntiers: [{name: a, cpu_weight: 60}, {name: b}, {name: c}]", "p")
    assert [book.cpu_weight(tier) for tier in "abc"] == [60, 12, 2]


def test_no_tier_has_more_cpu_weight_than_one_above() -> None:
    """Nor in a book that is made without a file."""
    with pytest.raises(ValueError, match="`b` has more CPU weight than `a`, which is above it and has 100"):
        PolicyBook.model_validate({"version": 1, "tiers": [{"name": "a"}, {"name": "b", "cpu_weight": 200}]})
