"""What the nodes can still take, as a plan takes from it."""

from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.tuning import TUNING
from tests.planning.compact import book_of, snapshot_of


def test_what_goes_on_is_lacking_to_who_comes_after() -> None:
    """Also to a request that was found to fit before, in the same plan."""
    book = book_of({"guards": {"cpu": "85%"}})
    capacity = PlanState.of(snapshot_of(nodes=[{"name": "a"}]), book, TUNING).capacity
    (node,) = capacity.nodes
    request = ResourceRequest(cpu=0.5, memory=1, duration=60.0)
    assert capacity.lacks(request, 0) == ()
    capacity.let_go_on(node, 0, ResourceRequest(cpu=node.cpu_ceiling, memory=1, duration=60.0))
    assert [reason.code for reason in capacity.lacks(request, 0)] == [ReasonCode.CPU]
