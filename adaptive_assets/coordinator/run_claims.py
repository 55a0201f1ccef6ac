"""What Dagster says of where a run's process is: a pid in its events, and the code server that was asked."""

import json
import platform
import socket
from collections.abc import Mapping

import dagster as dg

from adaptive_assets.dagster_compat.runs import GRPC_INFO_TAG, RunRecord
from adaptive_assets.signals import Claim

_HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  compared, not bound to


def claims_of(instance: dg.DagsterInstance, record: RunRecord) -> tuple[Claim, ...]:
    """The processes that the events of the run name. Dagster does not say on which host they are."""
    run = record.dagster_run
    page = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    server, claims = server_of(run.tags), dict[int, Claim]()
    for each in page.records:
        event = each.event_log_entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None and str(pid.value).isdecimal():
            number, at = int(str(pid.value)), each.event_log_entry.timestamp
            created_at = record.create_timestamp.timestamp()
            claims.setdefault(number, Claim(run.run_id, number, at, created_at, server))
    return tuple(claims.values())


def server_of(tags: Mapping[str, str]) -> str | None:
    """The address of the code server that was asked to start the run, if it may be on this host.

    That is the path of its socket, or the number of its port.
    """
    try:
        info = json.loads(tags.get(GRPC_INFO_TAG, "{}"))
        if info.get("host") not in (*_HERE, platform.node()):
            return None
        address = info.get("socket") or info.get("port")
    except (ValueError, AttributeError):  # a tag may hold anything
        return None
    return None if address is None else str(address)


def is_served_by_nobody(address: str | None) -> bool:
    """Whether ``address`` is a socket of this machine whose server has gone.

    A port tells nothing: a container beside this one may share our network and not our processes.
    """
    if address is None or not address.startswith("/") or not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:
            return False
    return False
