"""The catalogue of assets and jobs as a value that is stored and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts

WORDS = st.text(max_size=6)
TUPLES = st.lists(WORDS, max_size=2).map(tuple)
FACTS = st.builds(
    AssetFacts,
    key=WORDS,
    group=WORDS,
    parents=TUPLES,
    tags=st.dictionaries(WORDS, WORDS, max_size=2),
    kinds=TUPLES,
    owners=TUPLES,
    checks=st.lists(st.builds(CheckFacts, name=WORDS, blocking=st.booleans()), max_size=2).map(tuple),
    location=WORDS,
    materializable=st.booleans(),
    has_freshness_policy=st.booleans(),
    observable=st.booleans(),
    stub=st.booleans(),
    partitions=st.sampled_from(["", "static", "time"]),
    jobs=TUPLES,
    jobs_elsewhere=st.dictionaries(WORDS, TUPLES, max_size=2),
)
CATALOGUES = st.builds(
    Catalogue,
    assets=st.lists(FACTS, max_size=3).map(lambda facts: {one.key: one for one in facts}),
    jobs=st.dictionaries(WORDS, TUPLES, max_size=2),
)


@given(CATALOGUES)
def test_a_catalogue_is_read_as_it_was_written(catalogue: Catalogue) -> None:
    """JSON and back: an equal catalogue with the same digest."""
    again = Catalogue.from_json(catalogue.to_json())
    assert again == catalogue
    assert again.digest == catalogue.digest


def test_the_digest_follows_what_the_catalogue_says() -> None:
    """Not the order in which assets were found, but every fact about them."""
    a, b = AssetFacts(key="a"), AssetFacts(key="b")
    assert Catalogue({"a": a, "b": b}).digest == Catalogue({"b": b, "a": a}).digest
    digests = {
        Catalogue({"a": a}).digest,
        Catalogue({"a": AssetFacts(key="a", has_freshness_policy=True)}).digest,
        Catalogue({"a": AssetFacts(key="a", checks=(CheckFacts("unique"),))}).digest,
        Catalogue({"a": AssetFacts(key="a", checks=(CheckFacts("unique", blocking=True),))}).digest,
        Catalogue({"a": a}, {"load": ("flights",)}).digest,
        Catalogue().digest,
    }
    assert len(digests) == 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"assets": 5, "jobs": {}}',
        '{"assets": [{"key": "a"}]}',
        '{"assets": [{"name": "a", "checks": []}], "jobs": {}}',
    ],
)
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    """A row of a ledger that was damaged, for one."""
    with pytest.raises(ValueError, match="this is no catalogue"):
        Catalogue.from_json(text)
