"""Following the changes between two ordered collections gives the second one, order included."""

from hypothesis import example, given
from hypothesis import strategies as st

from adaptive_assets.ledger.changes import changes, follow

collections = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), max_size=8).map(dict)


@given(old=collections, new=collections)
@example(old={"a": 1, "b": 1, "c": 1}, new={"c": 1, "a": 1, "b": 2})
def test_following_the_changes_gives_the_new_collection(old: dict[str, int], new: dict[str, int]) -> None:
    """Whatever came, went, changed or moved."""
    after = follow(old, changes(old, new))
    assert list(after.items()) == list(new.items())


@given(old=collections)
def test_nothing_changes_between_equals(old: dict[str, int]) -> None:
    """Equal values that are other objects are no change."""
    assert not changes(old, dict(old))


def test_a_queue_that_moves_on_costs_what_moved() -> None:
    """Leaving at the front and arriving at the end touches nobody in between."""
    old = {str(number): number for number in range(100)}
    new = {str(number): number for number in range(3, 102)}
    found = changes(old, new)
    assert found.gone == ("0", "1", "2")
    assert found.placed == ((97, "100", 100), (98, "101", 101))
    assert found.changed == {}
