"""The little of JSON Schema that our OpenAPI document uses, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


class Checker:
    """Checks values against the schemas of a document; every failure is an AssertionError that says where."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def check(self, value: Any, schema: Mapping[str, Any], where: str = "$") -> None:
        """Whether a value is as a schema says."""
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            self._any_of(value, schema["anyOf"], where)
        if "type" in schema:
            kind = schema["type"]
            _must(isinstance(value, KINDS[kind]), f"{where}: {value!r} is no {kind}")
            _must(isinstance(value, bool) == (kind == "boolean"), f"{where}: {value!r} is no {kind}")
        _must(value in schema.get("enum", [value]), f"{where}: {value!r} is none of {schema.get('enum')}")
        if isinstance(value, list):
            for place, item in enumerate(value):
                self.check(item, schema.get("items", {}), f"{where}[{place}]")
        elif isinstance(value, dict):
            self._object(value, schema, where)

    def _any_of(self, value: Any, choices: list[Mapping[str, Any]], where: str) -> None:
        failures = []
        for choice in choices:
            try:
                self.check(value, choice, where)
            except AssertionError as error:
                failures.append(str(error))
        _must(len(failures) < len(choices), "; ".join(failures))

    def _object(self, value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> None:
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        _must(set(schema.get("required", ())) <= set(value), f"{where} lacks something")
        for name, item in value.items():
            _must(name in properties or rest is not False, f"{where}.{name} is not described")
            self.check(item, properties.get(name, rest), f"{where}.{name}")


def _must(fulfilled: bool, otherwise: str) -> None:  # noqa: FBT001 - as `assert` has it
    if not fulfilled:
        raise AssertionError(otherwise)
