"""The part of the SARIF 2.1.0 schema that a report of ours can touch.

Written by hand after the standard (sections 3.13 to 3.51 of
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html): what is required, what is allowed
and of which type. A property that stands nowhere here is refused, as by the full schema.
"""

from __future__ import annotations

from typing import Any, Final


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**properties, "properties": {"type": "object"}},
    }


def _array(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 1}
_INDEX: Final = {"type": "integer", "minimum": -1}
_URI: Final = {"type": "string", "pattern": r"^[!#$&-;=?-\[\]_a-z~A-Z%0-9]*$"}
_LEVEL: Final = {"enum": ["none", "note", "warning", "error"]}
_MESSAGE: Final = {**_object(text=_TEXT, id=_TEXT, markdown=_TEXT), "anyOf": [
    {"required": ["text"]}, {"required": ["id"]},
]}  # fmt: skip
_LOCATION: Final = _object(
    physicalLocation=_object(
        ("artifactLocation",),
        artifactLocation=_object(uri=_URI, uriBaseId=_TEXT, index=_INDEX),
        region=_object(
            startLine=_COUNT, endLine=_COUNT, startColumn=_COUNT, snippet=_object(text=_TEXT)
        ),
    ),
    logicalLocations=_array(_object(name=_TEXT, fullyQualifiedName=_TEXT, kind=_TEXT)),
    message=_MESSAGE,
)
_RULE: Final = _object(
    ("id",),
    id=_TEXT,
    name=_TEXT,
    shortDescription=_object(("text",), text=_TEXT),
    helpUri={"type": "string", "format": "uri"},
    defaultConfiguration=_object(enabled={"type": "boolean"}, level=_LEVEL),
)
_RESULT: Final = _object(
    ("message",),
    ruleId=_TEXT,
    ruleIndex=_INDEX,
    level=_LEVEL,
    kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
    message=_MESSAGE,
    locations=_array(_LOCATION),
    stacks=_array(
        _object(("frames",), message=_MESSAGE, frames=_array(_object(location=_LOCATION)))
    ),
    occurrenceCount=_COUNT,
    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
)
SARIF: Final = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **_object(
        ("version", "runs"),
        version={"enum": ["2.1.0"]},
        runs=_array(
            _object(
                ("tool",),
                tool=_object(
                    ("driver",),
                    driver=_object(
                        ("name",),
                        name=_TEXT,
                        version=_TEXT,
                        semanticVersion=_TEXT,
                        informationUri={"type": "string", "format": "uri"},
                        rules=_array(_RULE),
                    ),
                ),
                invocations=_array(
                    _object(
                        ("executionSuccessful",),
                        executionSuccessful={"type": "boolean"},
                        exitCode={"type": "integer"},
                    )
                ),
                originalUriBaseIds={"type": "object", "additionalProperties": _object(uri=_URI)},
                results=_array(_RESULT),
            )
        ),
    ),
}
SARIF["properties"]["$schema"] = {"type": "string", "format": "uri"}
