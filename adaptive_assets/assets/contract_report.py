"""What an asset check says of a contract: a verdict, one sentence, the failures by column and some rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from adaptive_assets.assets.check_states import (
    CHECK_STATE,
    CONTRACT,
    CONTRACT_VERSION,
    EVALUATED,
    NOT_EVALUATED,
)
from adaptive_assets.assets.contract import Contract, NotEvaluatedError
from adaptive_assets.assets.contract_findings import ContractFinding

if TYPE_CHECKING:
    from adaptive_assets.assets.contract_findings import Rows

_MOST_LINES: Final = 50
_MOST_COLUMNS: Final = 12
_MOST_CHARACTERS: Final = 60

Located = tuple[str | None, ContractFinding]
"""A finding, with the partition that it was made in."""


@dataclass(frozen=True, slots=True)
class ContractReport:
    """What came of holding every part (each partition, or the whole asset) against a contract."""

    contract: str
    rows: int
    """Rows that were looked at."""
    failing_rows: int
    findings: Sequence[Located]
    causes: Sequence[str]
    """Why some of it was not evaluated; empty when all of it was."""
    samples: Sequence[Mapping[str, str]]
    """Some of the failing rows, as text."""
    version: str = ""
    """The contract's; empty where it has none."""

    @classmethod
    def of(cls, contract: Contract, parts: Mapping[str | None, Any], samples: int) -> "ContractReport":
        """Hold each part against the contract; of the rows that fail, keep at most ``samples``."""
        rows = failing = 0
        found: list[Located] = []
        causes = [] if parts else ["no partition is stored"]
        shown: list[Mapping[str, str]] = []
        for partition, part in parts.items():
            where = "" if partition is None else f"partition `{partition}`: "
            try:
                frame = contract.frame_of(part)
                findings = contract.findings(frame)
            except NotEvaluatedError as cause:
                causes.append(f"{where}{cause}")
                continue
            bad = _failing(findings)
            rows += len(frame)
            failing += len(bad)
            found += [(partition, finding) for finding in findings]
            causes += [where + _crash(finding) for finding in findings if finding.crashed]
            shown += _sampled(frame, partition, bad[: max(samples - len(shown), 0)], findings)
        return cls(contract.name, rows, failing, found, causes, shown, contract.version)

    def result(self, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
        """The result of the asset check; ``severity`` is that of a failure."""
        if not self.causes and self.findings and all(finding.warns for _, finding in self.findings):
            severity = dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(
            passed=not self.findings and not self.causes,
            severity=severity,
            description=self._sentence(),
            metadata=self._metadata(),
        )

    def _sentence(self) -> str:
        if self.causes:
            more = f" (and {len(self.causes) - 1} more)" if len(self.causes) > 1 else ""
            return f"`{self.contract}` was not evaluated: {self.causes[0]}{more}"
        if not self.findings:
            return f"{_rows(self.rows)} keep `{self.contract}`"
        broken = f"{self.failing_rows:,} of {_rows(self.rows)}" if self.failing_rows else "the stored data"
        named = [_named(finding) for _, finding in self.findings[:3]]
        more = f"; and {len(self.findings) - 3} more" if len(self.findings) > 3 else ""
        return f"{broken} break{'' if self.failing_rows else 's'} `{self.contract}`: {'; '.join(named)}{more}"

    def _metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            CHECK_STATE: NOT_EVALUATED if self.causes else EVALUATED,
            CONTRACT: self.contract,
            **({CONTRACT_VERSION: self.version} if self.version else {}),
            "rows": self.rows,
            "failing_rows": self.failing_rows,
            "failures": len(self.findings),
        }
        if self.causes:
            metadata["cause"] = "; ".join(islice(self.causes, _MOST_LINES))
        if self.findings:
            metadata["by_column"] = dg.MetadataValue.md(self._by_column())
        if self.samples:
            metadata["samples"] = dg.MetadataValue.md(_table(self.samples))
        return metadata

    def _by_column(self) -> str:
        partitioned = any(partition is not None for partition, _ in self.findings)
        lines = []
        for partition, finding in self.findings[:_MOST_LINES]:
            count = "" if finding.rows is None else f"{len(finding.rows):,}"
            line = {"partition": partition or ""} if partitioned else {}
            line |= {"column": finding.column or "(all)", "check": finding.check}
            lines.append({**line, "problem": finding.problem, "failing rows": count})
        more = len(self.findings) - len(lines)
        return _table(lines) + (f"\n\nand {more} more" if more else "")


def _failing(findings: Sequence[ContractFinding]) -> "Rows":
    """The positions of all rows in which anything is wrong, in order."""
    import numpy as np

    none = np.empty(0, dtype=np.int64)
    return np.unique(np.concatenate([none, *(f.rows for f in findings if f.rows is not None)]))


def _crash(finding: ContractFinding) -> str:
    where = f" of `{finding.column}`" if finding.column else ""
    return f"`{finding.check}`{where}: {finding.problem}"


def _named(finding: ContractFinding) -> str:
    where = f"{finding.column}: " if finding.column else ""
    return f"{where}{finding.problem}"


def _sampled(
    frame: Any, partition: str | None, rows: "Rows", findings: Sequence[ContractFinding]
) -> list[Mapping[str, str]]:
    """Some rows of a frame as text: the columns that something is wrong with, then the others."""
    guilty = {finding.column for finding in findings}
    columns = sorted(frame.columns, key=lambda column: str(column) not in guilty)[:_MOST_COLUMNS]
    sampled: list[Mapping[str, str]] = []
    for row in map(int, rows):
        where = {} if partition is None else {"partition": partition}
        where["row"] = f"{row:,}"
        sampled.append({**where, **{str(column): _cell(frame[column], row) for column in columns}})
    return sampled


def _cell(column: Any, row: int) -> str:
    try:
        return str(column.iloc[row] if hasattr(column, "iloc") else column[row])
    except Exception as error:  # noqa: BLE001  an object's own code: the verdict counts without its text
        return f"(no text: {type(error).__name__})"


def _table(lines: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table; every line has the columns of the first."""
    head = list(lines[0])
    body = [[line.get(column, "") for column in head] for line in lines]
    return "\n".join(
        f"| {' | '.join(map(_escaped, cells))} |" for cells in [head, ["---"] * len(head), *body]
    )


def _escaped(text: str) -> str:
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return flat if len(flat) <= _MOST_CHARACTERS else f"{flat[: _MOST_CHARACTERS - 1]}…"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
