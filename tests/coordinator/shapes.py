"""Assets of every shape that Dagster accepts, each as the code of a location, with the asset it is about."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["SHAPES", "Shape"]

HEAD: Final = "import dagster as dg\n"
ALL: Final = """
from dagster import AssetChecksDefinition, AssetsDefinition, AssetSpec, SourceAsset
found = list(vars().values())
defs = dg.Definitions(
    assets=[x for x in found if isinstance(x, (AssetsDefinition, AssetSpec, SourceAsset))
            and not isinstance(x, AssetChecksDefinition)],
    asset_checks=[x for x in found if isinstance(x, AssetChecksDefinition)],
    jobs=[x for x in found if isinstance(x, (dg.JobDefinition, type(dg.define_asset_job("x"))))],
)
"""
"""The definitions of whatever the code before has defined."""


@dataclass(frozen=True)
class Shape:
    """``code`` defines the asset whose key has ``parts``; ``runs`` says whether it can be materialized."""

    code: str
    parts: tuple[str, ...] = ("shape",)
    runs: bool = True
    select: str = ""
    """The selection of it, where its key alone does not do."""
    text: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", HEAD + self.code + ALL)

    @property
    def selection(self) -> str:
        """What a policy that is about the asset selects."""
        return self.select or f'key:"{"/".join(self.parts)}"'


def partitions() -> Iterator[tuple[str, str]]:
    """Every partitions definition that Dagster has, by name the call that makes it."""
    yield "static", 'dg.StaticPartitionsDefinition(["a", "b"])'
    yield "dynamic", 'dg.DynamicPartitionsDefinition(name="dyn")'
    yield "hourly", 'dg.HourlyPartitionsDefinition("2024-01-01-00:00")'
    yield "daily", 'dg.DailyPartitionsDefinition("2024-01-01")'
    yield "weekly", 'dg.WeeklyPartitionsDefinition("2024-01-01")'
    yield "monthly", 'dg.MonthlyPartitionsDefinition("2024-01-01")'
    yield (
        "cron",
        'dg.TimeWindowPartitionsDefinition(start="2024-01-01", fmt="%Y-%m-%d", cron_schedule="0 3 * * 1")',
    )
    yield (
        "multi",
        (
            'dg.MultiPartitionsDefinition({"day": dg.DailyPartitionsDefinition("2024-01-01"),'
            ' "place": dg.StaticPartitionsDefinition(["a", "b"])})'
        ),
    )


def mappings() -> Iterator[tuple[str, str, str, str]]:
    """Every partition mapping that Dagster has: name, the partitions above and below, and the mapping."""
    daily, static, multi = (dict(partitions())[kind] for kind in ("daily", "static", "multi"))
    yield "all", daily, daily, "dg.AllPartitionMapping()"
    yield "identity", daily, daily, "dg.IdentityPartitionMapping()"
    yield "last", daily, static, "dg.LastPartitionMapping()"
    yield "specific", static, "None", 'dg.SpecificPartitionsPartitionMapping(["a"])'
    yield "static", static, static, 'dg.StaticPartitionMapping({"a": "b"})'
    yield "time", daily, daily, "dg.TimeWindowPartitionMapping(start_offset=-1)"
    yield "multi_to_single", multi, daily, 'dg.MultiToSingleDimensionPartitionMapping("day")'
    yield (
        "multi",
        multi,
        multi,
        (
            'dg.MultiPartitionMapping({"day": dg.DimensionPartitionMapping("day",'
            " dg.IdentityPartitionMapping())})"
        ),
    )


CHARACTERS: Final = {
    "space": ("a b",),
    "colon": ("a:b",),
    "umlaut": ("größe",),
    "url": ("s3://bucket/x.parquet",),
    "slash_in_a_part": ("a/b", "c"),
    "backslash": ("a\\b",),
    "dot": ("a.b",),
    "star": ("a*",),
    "emoji": ("🙂",),
    "newline": ("a\nb",),
    "control": ("a\x01b",),
    "apostrophe": ("a'b",),
    "percent": ("50%{x}$",),
    "empty_last_part": ("a", ""),
    "dashes": ("--a--",),
    "long": ("x" * 500,),
    "output": ("output",),
}


UNWRITABLE: Final = {"backslash", "newline", "control"}
"""What no key in a selection can have; a ``*`` stands for it, or for all assets where it is a new line."""


def _all() -> Iterator[tuple[str, Shape]]:
    yield "plain", Shape("@dg.asset\ndef shape(): ...\n")
    for name, made in partitions():
        yield f"partitions_{name}", Shape(f"@dg.asset(partitions_def={made})\ndef shape(): ...\n")
    for name, above, below, mapping in mappings():
        code = (
            f"@dg.asset(partitions_def={above})\ndef above(): ...\n"
            f"@dg.asset(partitions_def={below}, deps=[dg.AssetDep(above, partition_mapping={mapping})])\n"
            "def shape(): ...\n"
        )
        yield f"mapping_{name}", Shape(code)
    yield (
        "self_dependent",
        Shape(
            '@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2024-01-01"), ins={"shape": dg.AssetIn('
            "partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))})\n"
            "def shape(shape): ...\n"
        ),
    )
    for name, parts in CHARACTERS.items():
        select = "*" if name == "newline" else f'key:"{parts[0][0]}*"' if name in UNWRITABLE else ""
        written = Shape(
            f'@dg.multi_asset(outs={{"x": dg.AssetOut(key=dg.AssetKey({list(parts)!r}))}})\n'
            "def make(): return 1\n",
            parts,
            select=select,
        )
        yield f"key_{name}", written
        read = (
            f"source = dg.AssetSpec(dg.AssetKey({list(parts)!r}))\n"
            f'@dg.asset(ins={{"given": dg.AssetIn(key=dg.AssetKey({list(parts)!r}))}})\n'
            "def reader(given): ...\n"
        )
        outside = "is:external" if name == "newline" else select
        yield f"external_key_{name}", Shape(read, parts, runs=False, select=outside)
    yield (
        "quote",
        Shape(
            '@dg.multi_asset(outs={"x": dg.AssetOut(key=dg.AssetKey([\'say "hi"\']))})\n'
            "def make(): return 1\n",
            ('say "hi"',),
            select='key:"say *"',
        ),
    )
    yield (
        "multi_subsettable",
        Shape(
            '@dg.multi_asset(specs=[dg.AssetSpec("shape", skippable=True), dg.AssetSpec("other",'
            ' deps=["shape"],'
            " skippable=True)], can_subset=True)\ndef make(): ...\n"
        ),
    )
    yield (
        "multi_whole",
        Shape(
            '@dg.multi_asset(specs=[dg.AssetSpec("shape"), dg.AssetSpec("other", deps=["shape"])])\n'
            "def make(): ...\n",
            select='key:"shape" or key:"other"',
        ),
    )
    yield "graph_asset", Shape("@dg.op\ndef one(): return 1\n@dg.graph_asset\ndef shape(): return one()\n")
    yield (
        "graph_multi_asset",
        Shape(
            "@dg.op(out={'a': dg.Out(), 'b': dg.Out()})\ndef two(): return 1, 2\n"
            "@dg.graph_multi_asset(outs={'shape': dg.AssetOut(), 'other': dg.AssetOut()})\n"
            "def make():\n    a, b = two()\n    return {'shape': a, 'other': b}\n",
            select='key:"shape" or key:"other"',
        ),
    )
    yield "external", Shape('shape = dg.AssetSpec("shape", group_name="outside")\n', runs=False)
    yield "source_asset", Shape('shape = dg.SourceAsset("shape")\n', runs=False)
    yield (
        "source_asset_partitioned",
        Shape(
            'shape = dg.SourceAsset("shape", partitions_def=dg.DailyPartitionsDefinition("2024-01-01"))\n'
            "@dg.asset(deps=[shape])\ndef reader(): ...\n",
            runs=False,
        ),
    )
    yield (
        "observable",
        Shape(
            "@dg.observable_source_asset(auto_observe_interval_minutes=5)\n"
            "def shape(): return dg.DataVersion('1')\n",
            runs=False,
        ),
    )
    yield (
        "multi_observable",
        Shape(
            '@dg.multi_observable_source_asset(specs=[dg.AssetSpec("shape"), dg.AssetSpec("other")])\n'
            "def look():\n    yield dg.ObserveResult('shape')\n    yield dg.ObserveResult('other')\n",
            runs=False,
        ),
    )
    yield "undefined_parent", Shape('@dg.asset(deps=[dg.AssetKey(["nobody", "knows"])])\ndef shape(): ...\n')
    yield (
        "factory",
        Shape(
            'shape = dg.AssetsDefinition.from_op(dg.OpDefinition(compute_fn=lambda *_: None, name="shape"))\n'
        ),
    )
    yield (
        "automated",
        Shape(
            '@dg.asset(automation_condition=dg.AutomationCondition.eager(), tags={"a/b": "c"},'
            ' kinds={"python"}, owners=["team:north", "a@example.com"])\ndef shape(): ...\n'
        ),
    )
    yield from _checks()
    yield from _wholes()


def _checks() -> Iterator[tuple[str, Shape]]:
    asset, result = "@dg.asset\ndef shape(): ...\n", "dg.AssetCheckResult(passed=True)"
    yield (
        "check_blocking",
        Shape(f"{asset}@dg.asset_check(asset=shape, blocking=True)\ndef c(): return {result}\n"),
    )
    yield (
        "check_of_several",
        Shape(
            f"{asset}@dg.asset\ndef other(): ...\n"
            '@dg.multi_asset_check(specs=[dg.AssetCheckSpec("c", asset="shape", blocking=True),'
            ' dg.AssetCheckSpec("c", asset="other"), dg.AssetCheckSpec("d", asset="shape",'
            ' additional_deps=["other"])])\ndef look(): ...\n'
        ),
    )
    yield (
        "check_inside",
        Shape(
            '@dg.asset(check_specs=[dg.AssetCheckSpec("c", asset="shape", blocking=True)])\n'
            f"def shape():\n    yield dg.MaterializeResult(check_results=[{result[:-1]}, check_name='c')])\n"
        ),
    )
    yield (
        "check_only_job",
        Shape(
            f"{asset}@dg.asset_check(asset=shape)\ndef c(): return {result}\n"
            'only = dg.define_asset_job("only", dg.AssetSelection.checks_for_assets(shape))\n'
        ),
    )
    yield (
        "check_of_external",
        Shape(
            f'shape = dg.AssetSpec("shape")\n@dg.asset_check(asset="shape")\ndef c(): return {result}\n',
            runs=False,
        ),
    )
    yield (
        "check_of_nothing",
        Shape(f'{asset}@dg.asset_check(asset="nobody")\ndef c(): return {result}\n'),
    )
    daily = 'partitions_def=dg.DailyPartitionsDefinition("2024-01-01")'
    yield (
        "check_without_partitions",
        Shape(
            f"@dg.asset({daily})\ndef shape(): ...\n"
            f"@dg.asset_check(asset=shape, blocking=True)\ndef c(): return {result}\n"
        ),
    )
    yield (
        "check_of_partitions",
        Shape(
            f"@dg.asset({daily})\ndef shape(): ...\n"
            f"@dg.asset_check(asset=shape, {daily})\ndef c(): return {result}\n"
        ),
    )


def _wholes() -> Iterator[tuple[str, Shape]]:
    yield (
        "colliding_keys",
        Shape(
            '@dg.asset(key_prefix="a")\ndef b(): ...\n'
            "@dg.multi_asset(outs={'x': dg.AssetOut(key='a__b'),"
            " 'y': dg.AssetOut(key=dg.AssetKey(['a/b']))})\n"
            "def make(): return 1, 2\n",
            ("a__b",),
            select='key:"a__b" or key:"a/b"',
        ),
    )
    yield (
        "component",
        Shape(
            "from dagster.components import Component\n"
            "class Made(Component):\n"
            "    def build_defs(self, context):\n"
            '        return dg.Definitions(assets=[dg.AssetSpec("named")])\n'
            "@dg.asset\ndef shape(): ...\n"
        ),
    )
    yield (
        "chain_of_2000",
        Shape(
            'shape = dg.AssetSpec("shape")\n'
            '@dg.multi_asset(specs=[dg.AssetSpec(f"n{i}", deps=[f"n{i - 1}" if i else "shape"])'
            " for i in range(2000)])\ndef make(): ...\n",
            runs=False,
        ),
    )


SHAPES: Final = dict(_all())
