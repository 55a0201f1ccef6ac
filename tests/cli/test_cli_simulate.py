"""`adaptive simulate`: a trace in, a comparison out, and a sentence for all that cannot be simulated."""

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.sites import Adaptive, Site, Told
from tests.docs.pages import DOCS, blocks
from tests.ledger.examples import usage

HEADER = "id,name,submit_s,duration_s,cpu,memory_mb,tier,deadline_s,depends_on\n"
MACHINE = ("--cores", "4", "--memory", "8GiB")
NODE = "name: a, cores: 1, memory: 1GiB"
OTHER = "name: b, cores: 1, memory: 1GiB"
POLICIES = """\
version: 1
tiers:
  - {name: gold, preempts: [rest]}
  - {name: rest, preemption: requeue}
policies:
  - {name: gold, tier: gold, run_tags: {tier: gold}, objective: {deadline: 3m}}
default: {tier: rest}
"""


def trace(runs: int = 14) -> str:
    """A few runs of two tiers; the same every time."""
    rng = random.Random(4)
    rows = (
        f"r{number},work-{number % 3},{number * 9},{rng.uniform(5, 60):.0f},1,{rng.choice((300, 900))},"
        f"{'critical' if number % 4 == 0 else 'batch'},{120 if number % 4 == 0 else ''},"
        for number in range(runs)
    )
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a small trace in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").write_text(trace())
    return tmp_path


def test_planners_side_by_side(folder: Path, adaptive: Adaptive) -> None:
    """Ours, every baseline with its sweep, the oracle; a table in all and one for each tier."""
    shown = adaptive("simulate", "--trace", "runs.csv", *MACHINE)
    assert shown.exit_code == 0, shown.output
    assert shown.stderr == ""
    for expected in (
        "runs.csv: 14 runs",
        "in all",
        "critical, 4 runs",
        "batch, 10 runs",
        "sweep",
        "work bound",
    ):
        assert expected in shown.stdout
    planners = [line.split()[0] for line in shown.stdout.split("\n\n")[1].splitlines()[1:]]
    assert (planners[0], planners[-1]) == ("adaptive", "oracle")
    assert {"stock", "tag", "EDF", "EASY"} <= set(planners)
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_ours_alone(folder: Path, adaptive: Adaptive) -> None:
    """Baselines and oracle can be left out."""
    shown = adaptive("simulate", "--trace", "runs.csv", *MACHINE, "--no-baselines", "--no-oracle", "-q")
    assert "adaptive" in shown.stdout
    assert "stock" not in shown.stdout
    assert "\noracle" not in shown.stdout


def test_each_report_says_of_which_world_it_is(folder: Path, adaptive: Adaptive, told: Told) -> None:
    """By default of what Dagster's launchers can do; with --actions of more, in text, JSON and HTML."""
    alone = ("simulate", "--trace", "runs.csv", *MACHINE, "--no-baselines", "--no-oracle")
    usual, more = "launch, defer, degrade (all that", "launch, defer, degrade and suspend, requeue (more than"
    for options, title, words in (
        ((), usual, []),
        (("--actions", "requeue,suspend"), more, ["suspend", "requeue"]),
    ):
        shown = adaptive(*alone, *options, "--html", "report.html")
        assert shown.stdout.splitlines()[1].startswith(f"world: {title} Dagster's launchers can do)")
        assert f": simulated with {title}" in (folder / "report.html").read_text(encoding="utf-8")
        answer = told(*alone, *options)
        assert answer["world"].startswith(title)
        assert answer["actions"] == words


def test_a_world_without_cpu_weights_says_so(folder: Path, adaptive: Adaptive, told: Told) -> None:
    """In text and JSON."""
    rows = "".join(
        f"{tier}{n},{tier},0,60,2,100,{tier},,\n" for tier in ("critical", "batch") for n in range(4)
    )
    (folder / "busy.csv").write_text(HEADER + rows)
    options = ("--trace", "busy.csv", *MACHINE, "--no-baselines", "--no-oracle")
    shown = adaptive("simulate", *options, "--no-cpu-weights")
    assert shown.stdout.splitlines()[1].endswith("; CPU weights not in force; seed 0")
    without, usual = told("simulate", *options, "--no-cpu-weights"), told("simulate", *options)
    assert (without["cpu_weights"], usual["cpu_weights"]) == (False, True)
    assert "CPU weights" not in usual["world"]


def test_what_never_ends_is_told_with_its_reason(folder: Path, adaptive: Adaptive) -> None:
    """Here, work that is larger than the machine, and what depends on it."""
    rows = "a,big,0,30,1,99000,batch,,\nb,next,0,30,1,100,batch,,a\nc,fine,0,30,1,100,batch,,\n"
    (folder / "large.csv").write_text(HEADER + rows)
    shown = adaptive("simulate", "--trace", "large.csv", *MACHINE, "--no-baselines", "--no-oracle")
    assert shown.exit_code == 0
    (told,) = (line for line in shown.stdout.splitlines() if line.startswith("never ended under adaptive: "))
    assert told.endswith(": 1 depends on another, which failed; 1 killed 9 times for want of memory")


def test_json_is_the_same_every_time(folder: Path, told: Told) -> None:
    """Everything but the time that planning took, which is told of every planner."""
    first, second = (told("simulate", "--trace", "runs.csv", *MACHINE, "--seed", "3") for _ in range(2))
    for answer in (first, second):
        for planner in answer["planners"]:
            assert planner["all"].pop("planning_p99_s") >= planner.pop("planning_median_s") > 0
    assert first == second
    assert [planner["role"] for planner in first["planners"]].count("baseline") >= 4
    assert sum(trial["best"] for trial in first["sweep"]) == len(first["planners"]) - 2


def test_a_report_is_written(folder: Path, adaptive: Adaptive) -> None:
    """The page is in the file, the table on stdout, and the remark about it on stderr."""
    shown = adaptive("simulate", "--trace", "runs.csv", *MACHINE, "--no-baselines", "--html", "report.html")
    assert shown.exit_code == 0
    assert "report.html" in shown.stderr
    assert "in all" in shown.stdout
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "Runs started, %, by time waited" in text


def test_load_scenario_policies_and_machines(folder: Path, told: Told) -> None:
    """The other options: another load, events, tiers of one's own, machines that differ, gzip."""
    (folder / "p.yaml").write_text(POLICIES)
    (folder / "s.yaml").write_text("events: [{event: node_loss, node: small, at: 20s, lasts: 30s}]\n")
    (folder / "c.yaml").write_text(
        "nodes:\n"
        "  - {name: large, cores: 2, memory: 6GiB, class: spot, count: 2}\n"
        "  - {name: small, cores: 1, memory: 2GiB}\n"
    )
    (folder / "t.csv.gz").write_bytes(
        gzip.compress(trace().replace("critical", "gold").replace("batch", "rest").encode())
    )
    found = told(
        *("simulate", "--trace", "t.csv.gz", "--policies", "p.yaml", "--scenario", "s.yaml"),
        *("--cluster", "c.yaml", "--load", "0.5", "--no-baselines", "--no-oracle"),
    )
    assert [node["name"] for node in found["cluster"]] == ["large-1", "large-2", "small"]
    assert found["cluster"][0]["class"] == "spot"
    assert found["load"]["wanted"] == 0.5
    assert found["load"]["offered"] == pytest.approx(0.5)
    assert found["events"] == 1
    assert list(found["planners"][0]["tiers"]) == ["gold", "rest"]


def test_a_swf_trace(folder: Path, told: Told) -> None:
    """By the ending of its name, or by --format."""
    job = "{n} {at} 0 60 1 60 1024 1 120 2048 1 1 1 {exe} 1 1 -1 -1\n"
    text = "; Version: 2.2\n" + "".join(job.format(n=n, at=n * 30, exe=n % 2) for n in range(1, 7))
    for name, more in (("log.swf", ()), ("log.txt", ("--format", "swf"))):
        (folder / name).write_text(text)
        found = told("simulate", "--trace", name, *more, *MACHINE, "--no-baselines", "--no-oracle")
        assert found["workload"] | {"runs": 6, "name": name} == found["workload"]


def test_the_home_of_a_deployment_is_its_ledger(site: Site, adaptive: Adaptive, told: Told) -> None:
    """Wherever its storage is configured to be; before anything was recorded there is none."""
    options = ("--trace", str(site.home), *MACHINE, "--no-baselines", "--no-oracle")
    assert "nothing has been recorded here yet" in adaptive("simulate", *options).stderr
    site.submit("forecast")
    site.cycle()
    (row,) = site.ledger.recent_decisions()
    ended = replace(usage("r1"), work_key=row.work_key, policy=row.policy)
    site.ledger.record_usage(usages=[ended])
    assert told("simulate", *options)["workload"]["runs"] == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--trace", "nowhere.csv", *MACHINE), "nowhere.csv: the file cannot be read"),
        (("--trace", "nowhere.db", *MACHINE), "nowhere.db"),
        (("--trace", "runs.dat", *MACHINE), "--format csv, swf or ledger"),
        (("--trace", "runs.csv", "--format", "swf", *MACHINE), "runs.csv:1:"),
        (("--trace", "gold.csv", *MACHINE), "gold.csv:2:13: there is no tier `gold`"),
        (("--trace", "empty.csv", *MACHINE), "empty.csv:1:1"),
        (("--trace", "header.csv", *MACHINE), "header.csv"),
        (("--trace", "runs.csv"), "--cores 8 --memory 32GiB"),
        (("--trace", "runs.csv", "--cores", "4"), "--cores 8 --memory 32GiB"),
        (("--trace", "runs.csv", "--cores", "0", "--memory", "8GiB"), "'--cores': `0`"),
        (("--trace", "runs.csv", "--cores", "nan", "--memory", "8GiB"), "'--cores': `nan`"),
        (("--trace", "runs.csv", "--cores", "1e-9", "--memory", "8GiB"), "no number from 0.01 to 1,000,000"),
        (("--trace", "runs.csv", *MACHINE, "--load", "1e300"), "`1e300` is no number from 0.001 to 1,000"),
        (("--trace", "runs.csv", "--cores", "x", "--memory", "8GiB"), "`x` is not a number"),
        (("--trace", "runs.csv", "--cores", "4", "--memory", "8"), "`8` has no unit"),
        (("--trace", "runs.csv", "--cores", "4", "--memory", "0GiB"), "no memory at all"),
        (("--trace", "runs.csv", *MACHINE, "--nodes", "0"), "'--nodes': 0 is not in the range"),
        (("--trace", "runs.csv", *MACHINE, "--load", "-1"), "'--load': `-1`"),
        (("--trace", "one.csv", *MACHINE, "--load", "1"), "submitted all at once"),
        (("--trace", "runs.csv", *MACHINE, "--cluster", "c.yaml"), "not both"),
        (("--trace", "runs.csv", "--cluster", "c.yaml"), "c.yaml:1:"),
        (("--trace", "runs.csv", *MACHINE, "--html", "no/such/folder.html"), "there is no directory"),
        (("--trace", "runs.csv", *MACHINE, "--html", "."), "is a directory"),
        (("--trace", "runs.csv", *MACHINE, "-q", "--html", "/proc/r.html"), "/proc/r.html cannot be written"),
        (("--trace", "runs.csv", *MACHINE, "--scenario", "s.yaml"), "s.yaml:1:35: there is no node `nod-1`"),
        (("--trace", "runs.csv", *MACHINE, "--policies", "p.yaml"), "runs.csv:2:"),
        (("--trace", "runs.csv", *MACHINE, "--seed", "-1"), "'--seed'"),
        (("--trace", "runs.csv", *MACHINE, "--actions", "suspnd"), "suspend, requeue, compose"),
        (("--trace", "runs.csv", *MACHINE, "--actions", "suspnd"), "'--actions': `suspnd` is no action"),
        (MACHINE, "'--trace'"),
    ],
)
def test_what_cannot_be_simulated(
    folder: Path, adaptive: Adaptive, arguments: tuple[str, ...], expected: str
) -> None:
    """A sentence that names what is wrong, exit code 2, nothing on stdout and no traceback."""
    (folder / "runs.dat").write_text(trace())
    (folder / "gold.csv").write_text("id,name,submit_s,duration_s,cpu,memory_mb,tier\na,x,0,9,1,9,gold\n")
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text(HEADER)
    (folder / "one.csv").write_text(trace(1))
    (folder / "c.yaml").write_text("nodes: [{name: large, cores: 0, memory: 6GiB}]\n")
    (folder / "s.yaml").write_text("events: [{event: node_loss, node: nod-1, at: 1m, lasts: 1m}]\n")
    (folder / "p.yaml").write_text(POLICIES)
    shown = adaptive("simulate", *arguments)
    assert shown.exit_code == 2, shown.output
    assert expected in shown.stderr
    assert shown.stdout == ""
    assert "Traceback" not in shown.output


def test_problems_of_all_files_are_told_at_once(folder: Path, adaptive: Adaptive) -> None:
    """One line for each, whichever file it is in."""
    (folder / "runs.csv").write_text(HEADER + "a,x,0,-5,1,100,,,\nb,x,0,5,much,100,,,\n")
    (folder / "s.yaml").write_text("events: [{event: node_los, node: a, at: 1m, lasts: 1m}]\n")
    (folder / "c.yaml").write_text("nodes:\n  - {name: a, cores: 1, memory: 1}\n  - {nam: b}\n  - 3\n")
    shown = adaptive(
        *("simulate", "--trace", "runs.csv", "--cluster", "c.yaml"),
        *("--scenario", "s.yaml", "--policies", "nowhere.yaml"),
    )
    assert shown.exit_code == 2
    for expected in (
        "runs.csv:2:",
        "runs.csv:3:",
        "s.yaml:1:",
        "c.yaml:2:",
        "c.yaml:3:",
        "c.yaml:4:",
        "nowhere.yaml",
    ):
        assert expected in shown.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a cluster file starts with `nodes:`"),
        ("[1]", "a mapping"),
        ("nodes: []", "empty"),
        ("nodes: 3", "list"),
        ("nodes: [{name: a, cores: 1.0e-9, memory: 1GiB}]", "at least `0.01`"),
        ("nodes: [{name: a, cores: 1.0e+9, memory: 1GiB}]", "at most `1000000`"),
        ("version: 2\nnodes: [{name: a, cores: 1, memory: 1GiB}]", "`2` is no version of the cluster file"),
        (
            "nodes: [{name: a, cores: 1, memory: 1GiB, count: 1001}]",
            "`count` cannot be `1001` (write at most `1000`)",
        ),
        ("nodes: [{NODE, count: 800}, {NODE, count: 800}]".replace("NODE", NODE), "two machines are named"),
        (
            "nodes: [{NODE, count: 800}, {OTHER, count: 800}]".replace("NODE", NODE).replace("OTHER", OTHER),
            "1600",
        ),
        ("nodes: [{name: \xff", "c.yaml:1:"),
    ],
)
def test_cluster_files_that_cannot_be_taken(
    folder: Path, adaptive: Adaptive, text: str, expected: str
) -> None:
    """Each with its place."""
    (folder / "c.yaml").write_bytes(text.encode("latin-1"))
    shown = adaptive("simulate", "--trace", "runs.csv", "--cluster", "c.yaml")
    assert shown.exit_code == 2
    assert expected in shown.stderr
    assert "adaptive: c.yaml:1:" in shown.stderr


def test_the_example_of_the_how_to(folder: Path, adaptive: Adaptive) -> None:
    """Its trace can be simulated on its machine, and the file that it names is written."""
    page = DOCS / "how-to" / "simulate-a-policy.md"
    (csv,) = blocks(page, "csv")
    (folder / csv.title).write_text(csv.text, encoding="utf-8")
    (folder / "policies.yaml").write_text("version: 1\n")
    commands = [
        line.removeprefix("$ adaptive ").split()
        for block in blocks(page, "console")
        for line in block.text.splitlines()
        if csv.title in line
    ]
    assert len(commands) == 2
    for command in commands:
        assert adaptive(*command).exit_code == 0
    assert (folder / "report.html").exists()


def test_every_key_of_the_json_is_in_the_reference(folder: Path, told: Told) -> None:
    """By the row of the command."""
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `simulate` |")]
    answer = told("simulate", "--trace", "runs.csv", *MACHINE)
    planner = answer["planners"][0]
    tier = planner["tiers"]["critical"]
    nested = (answer["workload"], answer["load"], answer["bound"], planner, planner["all"], tier)
    others = (answer["cluster"][0], planner["waited"]["critical"], answer["sweep"][0])
    for part in (answer, *nested, *others):
        for key in part:
            assert f"`{key}`" in row, key
    json.dumps(answer)
