"""Which keys the parts of a policy file have, read off the models."""

from collections.abc import Iterator, Mapping
from typing import Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.terms import DEFAULT

IMPLIED_OF_DEFAULT: Final = frozenset({"name", "select", "jobs", "run_tags", "claimed_by"})
"""Keys of a policy that the default policy does not have: it holds for everything else."""


def written_key(name: str, info: FieldInfo) -> str:
    """The key under which a field is written."""
    return info.validation_alias if isinstance(info.validation_alias, str) else name


def keys_at(path: Path, top: type[BaseModel] = PolicyBook) -> Mapping[str, type[BaseModel] | None]:
    """The keys that the mapping at ``path`` may have, each with the model of what is below it, if any.

    ``top`` is the model of the whole file.  Empty where no such mapping is known, or where its keys are free.
    """
    model: type[BaseModel] | None = top
    free = False
    """Whether the next key is one of a mapping whose keys people choose."""
    for step in path:
        if model is None:
            return {}
        if not isinstance(step, str):
            continue
        if free:
            free = False
            continue
        annotation = next(
            (info.annotation for name, info in model.model_fields.items() if written_key(name, info) == step),
            None,
        )
        model, free = next(_models(annotation), None), _has_free_keys(annotation)
    if model is None or free:
        return {}
    hidden = IMPLIED_OF_DEFAULT if top is PolicyBook and path == (DEFAULT,) else frozenset[str]()
    return {key: below for key, below in _keys(model).items() if key not in hidden}


def models_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """``model`` and the models of everything below it; one that is used twice comes twice."""
    yield model
    for below in _keys(model).values():
        if below is not None:
            yield from models_of(below)


def _keys(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    return {
        written_key(name, info): next(_models(info.annotation), None)
        for name, info in model.model_fields.items()
    }


def _has_free_keys(annotation: object) -> bool:
    """Whether a type is a mapping, or one or nothing."""
    return any(get_origin(kind) is Mapping for kind in (annotation, *get_args(annotation)))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that occur in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
