"""What the Dagster UI is told of contracts, by the queries that it makes."""

from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster_graphql.schema import create_schema

PROJECT = """
import dagster as dg, pandera.pandas as pa
from adaptive_assets import DataContract, Needs, adapt, with_contract, with_needs

@dg.asset
def departures(): ...

@dg.asset(deps=["departures"])
def delays(): ...

minutes = pa.Column(float, pa.Check.ge(-60), nullable=True, description="Minutes")
model = pa.DataFrameSchema({"delay": minutes, "flight": pa.Column(int, unique=True)}, name="Departures")
departures, checks = with_contract(departures, DataContract(model, owner="team:flights", version="2"))
needs = Needs({"delay": "float64"}, nullable=["delay"], lineage={"mean": "delay"})
defs = adapt(dg.Definitions([departures, with_needs(delays, {"departures": needs})], asset_checks=checks))
"""
QUERY = """
{ assetNodes {
    assetKey { path }
    owners { ... on TeamAssetOwner { team } }
    metadataEntries {
      label
      ... on TextMetadataEntry { text }
      ... on JsonMetadataEntry { jsonString }
      ... on TableSchemaMetadataEntry {
        schema { columns { name type description constraints { nullable unique other } } } }
      ... on TableColumnLineageMetadataEntry {
        lineage { columnName columnDeps { columnName assetKey { path } } } }
} } }
"""


def test_schema_owners_and_lineage_are_shown(tmp_path: Path) -> None:
    """As the metadata of the assets' definitions, before anything has been materialized."""
    (tmp_path / "project.py").write_text(PROJECT)
    target = PythonFileTarget(str(tmp_path / "project.py"), "defs", str(tmp_path), "project")
    with (
        dg.DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        answer = create_schema().execute(QUERY, context_value=workspace.create_request_context())
    assert answer.errors is None
    nodes: dict[str, Any] = {node["assetKey"]["path"][0]: node for node in answer.data["assetNodes"]}
    shown = {entry["label"]: entry for entry in nodes["departures"]["metadataEntries"]}
    assert nodes["departures"]["owners"] == [{"team": "flights"}]
    assert shown["adaptive/contract"]["text"] == "Departures 2"
    assert shown["dagster/column_schema"]["schema"]["columns"] == [
        {
            "name": "delay",
            "type": "float64",
            "description": "Minutes",
            "constraints": {
                "nullable": True,
                "unique": False,
                "other": ["greater_than_or_equal_to(min_value=-60)"],
            },
        },
        {
            "name": "flight",
            "type": "int64",
            "description": None,
            "constraints": {"nullable": False, "unique": True, "other": []},
        },
    ]
    shown = {entry["label"]: entry for entry in nodes["delays"]["metadataEntries"]}
    assert shown["dagster/column_lineage"]["lineage"] == [
        {
            "columnName": "mean",
            "columnDeps": [{"columnName": "delay", "assetKey": {"path": ["departures"]}}],
        }
    ]
