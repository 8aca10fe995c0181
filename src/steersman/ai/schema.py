"""JSON Schema of an answer, in the form that every provider of structured output takes."""

from __future__ import annotations

from typing import Any

import msgspec


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """Return the schema of a struct with nothing to look up: references are written out, no field may be left out.

    Providers in strict mode want every property required and none besides (OpenAI, Structured Outputs, 2026); small
    local models follow a schema better when it has no references.
    """
    (root,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    found = _written_out(root, components)
    if not isinstance(found, dict):  # pragma: no cover - the schema of a struct is an object
        raise TypeError(kind)
    return found


def _written_out(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_written_out(inner, components) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _written_out(components[node["$ref"]], components)
    found = {key: _written_out(inner, components) for key, inner in node.items() if key not in ("title", "default")}
    if found.get("type") == "object":
        found["required"] = list(found.get("properties", {}))
        found["additionalProperties"] = False
    return found
