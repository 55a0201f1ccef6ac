"""Reading policy files: what no readable YAML file can show, and what a loaded book knows."""

import pickle
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.policy import (
    PolicyBook,
    PolicyError,
    load_policy_book,
    located,
    parse_policy_book,
    passed_over,
)
from adaptive_assets.policy.document import tree
from tests.policy.case_files import Expectation, case_files, expected, found


def problems_of(text: str | bytes) -> list[Expectation]:
    """All problems of a file; none when it is a policy book."""
    try:
        parse_policy_book(text, "p.yaml")
    except PolicyError as error:
        return found(error.problems)
    return []


def problem_of(text: str | bytes) -> str:
    """The one problem of a file that is called `p.yaml`."""
    with pytest.raises(PolicyError) as error:
        parse_policy_book(text, "p.yaml")
    assert len(error.value.problems) == 1, str(error.value)
    return str(error.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder that a relative path starts from."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as error:
        load_policy_book("policies/nowhere.yaml")
    assert (
        str(error.value)
        == f"policies/nowhere.yaml: there is no such file (looked in {tmp_path} (the working directory))"
    )
    with pytest.raises(PolicyError, match=r"there is no such file \(check the path\)"):
        load_policy_book(tmp_path / "nowhere.yaml")


def test_a_relative_path_is_looked_for_in_the_home_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then in the working directory; what says the same in both is one file to everybody."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    monkeypatch.chdir(work)
    given = Path("p.yaml")
    assert located(given, home) == given
    (work / "p.yaml").write_text("version: 1\n")
    assert (located(given, home), passed_over(given, home)) == (given, None)
    (home / "p.yaml").write_text("version: 1\n")
    assert (located(given, home), passed_over(given, home)) == (home / "p.yaml", None)
    (home / "p.yaml").write_text("version: 1  # another one\n")
    assert passed_over(given, home) == work / "p.yaml"
    assert passed_over(given, None) is None
    assert passed_over(work / "p.yaml", home) is None
    monkeypatch.chdir(home)
    assert passed_over(given, home) is None
    assert load_policy_book(given, work).places.file == str(work / "p.yaml")


def test_a_folder_is_no_policy_file(tmp_path: Path) -> None:
    """It is refused before anything is read."""
    with pytest.raises(PolicyError, match=f"^{tmp_path}: this is a directory, or no plain file"):
        load_policy_book(tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0nul"])
def test_a_path_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    """Whatever the operating system says becomes a problem of the file."""
    with pytest.raises(PolicyError, match="the file cannot be read"):
        load_policy_book(tmp_path / name)


@pytest.mark.parametrize("text", ["", "  \n\n", "# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_file_is_told_apart(text: str) -> None:
    """With what a policy book starts with."""
    assert "(a policy book starts with `version: 1`)" in problem_of(text)


@pytest.mark.parametrize("text", ["- version: 1\n", "version\n", "5\n"])
def test_the_top_of_a_book_is_a_mapping(text: str) -> None:
    """A list or a single value is no policy book."""
    assert (
        problem_of(text)
        == "p.yaml:1:1: a policy book is a mapping of keys to values (start with `version: 1`)"
    )


def test_bytes_that_are_not_utf8_are_named() -> None:
    """Which byte, at which offset, on which line."""
    data = "version: 1\n# é ".encode() + b"caf\xe9\n"
    assert problem_of(data) == "p.yaml:2:8: byte 0xE9 at offset 19 is not UTF-8 (save the file as UTF-8)"
    assert "byte 0xFF at offset 0" in problem_of("version: 1\n".encode("utf-16"))


def test_a_byte_order_mark_is_no_error() -> None:
    """Some editors write one."""
    assert parse_policy_book(b"\xef\xbb\xbfversion: 1\n", "p.yaml") == PolicyBook(version=1)


NOT_YAML = [
    ("a: 1\n\tb: 2\n", "2:1: a tab indents this line (YAML is indented with spaces)"),
    ("a:\n\t- b\n", "2:1: a tab indents this line (YAML is indented with spaces)"),
    ("a: b: c\n", "1:5: this `:` comes where no key can stand (line the key up with its neighbours, or"),
    ("a: 1\n b: 2\n", "2:3: this `:` comes where no key can stand"),
    ("a: [1, 2\nb: 3\n", "2:2: the `[` on line 1 is not closed before this (close it with `]`, or"),
    ("\n{a: 1\n", "3:1: the `{` on line 2 is not closed before this (close it with `}`, or"),
    ("a: 'x\n", "2:1: the quote on line 1 is not closed (close it)"),
    ("- a\nb: 1\n", "2:1: this does not line up with line 1 (indent what belongs together"),
    ("a: %x\n", "1:4: a value cannot start with `%` (put the value in quotes)"),
    ("a: 5%\nb: `x`\n", "2:4: a value cannot start with ``` (put the value in quotes)"),
    ('a: "\\q"\n', "this is not YAML: found unknown escape character"),
    ("a: *x\n", "1:4: there is no `&x` above (put text that starts with `*` in quotes)"),
    ("*x : 1\n", "1:1: an alias cannot be a key (write the key out)"),
    ("tier: {{ tier }}\n", "1:8: a key must be text (put text that starts with `{` or `[` in quotes)"),
    ("version: 1\n---\nversion: 1\n", "2:1: a second document starts here (a policy book is one document)"),
    ("version: 1 # \x07\n", "1:14: the character U+0007 has no place in YAML (remove it)"),
]


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
@pytest.mark.parametrize(("text", "message"), NOT_YAML)
def test_text_that_is_not_yaml(
    text: str, message: str, loader: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own sentence, at the same place with and without libyaml."""
    monkeypatch.setattr(tree, "_LOADER", loader)
    assert message in problem_of(text)


@pytest.mark.parametrize(
    "path", [*case_files("refused"), *case_files("accepted")], ids=lambda path: path.stem
)
def test_without_libyaml_a_file_is_read_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pure Python parser gives the same book, or the same problems at the same places."""
    monkeypatch.setattr(tree, "_LOADER", yaml.SafeLoader)
    assert problems_of(path.read_text()) == expected(path)


def test_a_bomb_of_aliases_is_refused_before_it_expands() -> None:
    """Ten aliases of ten aliases, nine deep: a billion values in three hundred bytes."""
    lines = ["version: 1", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    message = problem_of("\n".join(lines))
    assert "more than 1,000,000 values, counting what stands behind aliases" in message
    assert message.startswith("p.yaml:7:")


def test_a_bomb_of_merges_is_refused_before_it_expands() -> None:
    """The same by `<<`, with lists of mappings."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 10)]
    assert "more than 1,000,000 values" in problem_of("\n".join(lines))


def test_an_alias_of_itself_is_refused() -> None:
    """What contains itself has no end."""
    assert "`*x` stands inside `&x` itself" in problem_of("a: &x [1, *x]\n")


def test_deep_nesting_is_refused() -> None:
    """A hundred thousand brackets exhaust nothing."""
    assert problem_of("a: " + "[" * 100_000).startswith("p.yaml:1:53: more than 50 levels of nesting")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """It is not read to its end."""
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(PolicyError, match="more than 16MiB"):
        load_policy_book(path)


def test_a_tag_cannot_name_a_python_type() -> None:
    """Nothing is imported and nothing is called."""
    text = "version: 1\ndefault: !!python/object/apply:os.system {tier: batch}\n"
    assert "the tag `tag:yaml.org,2002:python/object/apply:os.system` means nothing here" in problem_of(text)


def many_policies(count: int) -> str:
    """A file with ``count`` policies."""
    policies = (
        f"  - {{name: p{n}, select: 'key:a{n}', tier: batch, objective: {{deadline: 5m}}}}\n"
        for n in range(count)
    )
    return "version: 1\npolicies:\n" + "".join(policies)


def test_ten_thousand_policies_load() -> None:
    """They are all there, and each knows its line."""
    book = parse_policy_book(many_policies(10_000), "p.yaml")
    assert len(book.policies) == 10_000
    assert book.policy("p9999").select == "key:a9999"
    assert book.locate(("policies", 9_999, "tier")) == ("p.yaml", 10_002, 46)


def test_a_slip_in_each_of_ten_thousand_policies_is_told_fifty_times_and_counted() -> None:
    """The first are told in the order of the lines, and how many there are beside them."""
    with pytest.raises(PolicyError) as error:
        parse_policy_book(many_policies(10_000).replace("tier", "teir"), "p.yaml")
    assert [problem.line for problem in error.value.problems] == list(range(3, 53))
    assert str(error.value).endswith("\nand 9,950 more")


def test_a_place_is_that_of_the_nearest_value_that_is_written() -> None:
    """What is left out has the place of what should hold it."""
    book = parse_policy_book("version: 1\npolicies:\n  - name: a\n    jobs: [x, y]\n", "p.yaml")
    assert book.locate(("policies", 0, "jobs", 1)) == ("p.yaml", 4, 15)
    assert book.locate(("policies", 0, "gates", "then")) == ("p.yaml", 3, 5)
    assert book.locate(("policies", 5)) == ("p.yaml", 3, 3)
    assert book.locate(()) == ("p.yaml", 1, 1)
    assert PolicyBook(version=1).locate(("version",)) == ("<code>", 0, 0)


def test_a_policy_error_survives_pickling_and_prints_every_problem() -> None:
    """It crosses process boundaries, and each problem has a line of its own."""
    with pytest.raises(PolicyError) as error:
        parse_policy_book("version: 2\nguards: {cpu: 5}\n", "p.yaml")
    copy = pickle.loads(pickle.dumps(error.value))
    assert copy.problems == error.value.problems
    assert str(copy).splitlines() == [
        "p.yaml:1:10: `2` is no version of the policy file that is known here (write `version: 1`)",
        "p.yaml:2:15: `5` has no percent sign (write `5%`)",
    ]


@given(st.binary(max_size=200) | st.text(max_size=200) | st.text("{}[]:-,&*!|>'\"%@` \n\tab<", max_size=60))
def test_no_input_makes_the_loader_fail_in_another_way(content: bytes | str) -> None:
    """A book or a `PolicyError`, and nothing else."""
    for line, column, severity, text in problems_of(content):
        assert (line > 0, column > 0, severity) == (True, True, "error")
        assert re.fullmatch(r".+ \(.+\)", text)
