"""Kubernetes' objects by lightkube-models, which has them as dataclasses: no field is unknown, missing or wrong."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import ModuleType, NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

_SCALARS: Final[dict[Any, Any]] = {bool: bool, int: int, float: (int, float), str: str}


def _models(name: str) -> ModuleType:
    """Import a module of lightkube-models without lightkube, which has a client besides and gives them three names."""
    if "lightkube.core.schema" not in sys.modules:
        names = {"dataclass": dataclass, "field": field, "DictMixin": object}
        for part in ("lightkube.core", "lightkube.core.schema"):
            module = ModuleType(part)
            module.__dict__.update(names)
            sys.modules[part] = module
    return importlib.import_module(f"lightkube.models.{name}")


def problems(document: dict[str, Any]) -> list[str]:
    """List what Kubernetes would not take of an object, one line each, with its place.

    Raises:
        ModuleNotFoundError, AttributeError: There is no such kind of object.
    """
    group, _, version = document["apiVersion"].rpartition("/")
    module = _models(f"{group.partition('.')[0] or 'core'}_{version}")
    return list(_object(document, getattr(module, document["kind"]), document["kind"]))


def _object(found: object, wanted: type[Any], where: str) -> Iterator[str]:
    if not isinstance(found, dict):
        yield f"{where}: {found!r} is no {wanted.__name__}"
        return
    known = {one.metadata.get("json", one.name): one for one in fields(wanted)}
    types = get_type_hints(wanted)
    for name, value in found.items():
        if name not in known:
            yield f"{where}.{name}: unknown"
        else:
            yield from _value(value, types[known[name].name], f"{where}.{name}")
    for name, one in known.items():
        if one.default is MISSING and one.default_factory is MISSING and name not in found:
            yield f"{where}.{name}: missing"


def _value(found: object, wanted: Any, where: str) -> Iterator[str]:
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        options = [list(_value(found, one, where)) for one in inner if one is not NoneType]
        yield from min(options, key=len)
    elif origin is list:
        if not isinstance(found, list):
            yield f"{where}: {found!r} is no list"
            return
        for number, one in enumerate(found):
            yield from _value(one, inner[0], f"{where}[{number}]")
    elif is_dataclass(wanted) and isinstance(wanted, type):
        yield from _object(found, wanted, where)
    elif wanted in _SCALARS:
        if not isinstance(found, _SCALARS[wanted]) or (isinstance(found, bool) and wanted is not bool):
            yield f"{where}: {found!r} is no {wanted.__name__}"
    elif (origin or wanted) is dict and not isinstance(found, dict):
        yield f"{where}: {found!r} is no map"
