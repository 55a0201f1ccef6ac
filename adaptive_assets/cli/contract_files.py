"""Contracts named on the command line: a JSON file, or a model or contract in a Python file or module."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.cli.errors import CliError, one_line

if TYPE_CHECKING:
    from adaptive_assets.assets.contract_terms import ContractTerms

FORMS: Final = "give a JSON file, FILE.py:NAME or MODULE:NAME"


def load_contract(named: str) -> "ContractTerms":
    """The terms of the contract that a text names.

    Raises:
        CliError: There is no such thing, it cannot be loaded, or it is no contract; says which.
    """
    place, colon, name = named.rpartition(":")
    if not colon or Path(named).is_file():
        return _from_json(Path(named))
    if not place or not name:
        raise CliError(f"{named} names no contract.", f"To name one, {FORMS}.")
    file = Path(place)
    folder = file.resolve().parent if file.suffix == ".py" else Path.cwd()
    with _importing(folder):
        return _terms(named, _attribute(named, _module(place), name))


def _from_json(file: Path) -> "ContractTerms":
    from adaptive_assets.assets.contract_terms import ContractTerms, TermsError

    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        return ContractTerms.from_json(value)
    except FileNotFoundError as error:
        raise CliError(f"There is no file {file}.", f"To name a contract, {FORMS}.") from error
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise CliError(f"{file}:{error.lineno}:{error.colno}: it is no JSON: {error.msg}.") from error
    except UnicodeDecodeError as error:
        raise CliError(f"{file} is no text in UTF-8: byte {error.start} is wrong.") from error
    except TermsError as error:
        raise CliError(f"{file}: {error}.", "`adaptive contract show` writes one that is right.") from error


def _module(place: str) -> ModuleType:
    file = Path(place)
    is_file = file.suffix == ".py"
    if is_file and not file.is_file():
        raise CliError(f"There is no file {file}.")
    try:
        return _of_file(file) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        told = f"{type(error).__name__}: {one_line(error)}"
        raise CliError(f"{place} cannot be loaded: {told}") from error


def _of_file(file: Path) -> ModuleType:
    name = f"contract_file_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """Modules beside what is loaded are found, and what it prints stays out of our output.

    They are forgotten afterwards: those beside another version of the contract may have the same names.
    """
    known = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - known:
            if _is_beside(name, folder):
                del sys.modules[name]


def _is_beside(name: str, folder: Path) -> bool:
    """Whether a module is of the project in a folder; an environment in there is none of its code."""
    file = getattr(sys.modules[name], "__file__", None)
    if not file or name.partition(".")[0] == __name__.partition(".")[0]:
        return False
    path = Path(file).resolve()
    installed = path.is_relative_to(Path(sys.prefix).resolve()) or "site-packages" in path.parts
    return path.is_relative_to(folder) and not installed


def _attribute(named: str, module: ModuleType, name: str) -> Any:
    from adaptive_assets.policy.suggesting import did_you_mean

    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            known = [one for one in vars(value) if not one.startswith("_")]
            hint = did_you_mean(part, known, "it defines")
            raise CliError(f"{named}: there is no `{part}`; {hint}")
        value = getattr(value, part)
    return value


def _terms(named: str, value: Any) -> "ContractTerms":
    from adaptive_assets.assets.contract_reading import terms_of
    from adaptive_assets.assets.data_contract import DataContract

    if isinstance(value, DataContract):
        return value.terms
    try:
        return terms_of(value)
    except Exception as error:
        raise CliError(f"{named}: {one_line(error)}") from error
