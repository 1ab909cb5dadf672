"""JSON schemas: what one asks for, what satisfies it, and the emptiest value that does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from offline_claude import schemas

DEEPEST = 5  # how far nested or recursive schemas are followed
_VAGUE = ("unknown", "other", "none", "neutral", "unspecified", "n/a")
_FORMATS = {
    "email": "unknown@example.com",
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_SAMPLES = ("0", "a", "A", "00", "aa", "AA", "000", "AAA", "0000", "00000", "A0", "AAA-000")


class Spec:
    """A JSON schema, or a part of `root`: references followed, the first alternative taken."""

    def __init__(self, raw: Any, root: Any = None) -> None:
        self.raw = raw
        self.root = raw if root is None else root
        self.plain = self._plain(raw)

    @cached_property
    def kind(self) -> str:
        """The type; "string" when the schema doesn't say."""
        if isinstance(kind := self.plain.get("type"), str):
            return kind
        hints = (("properties", "object"), ("items", "array"))
        return next((kind for hint, kind in hints if hint in self.plain), "string")

    @cached_property
    def required(self) -> list[str]:
        """The names of the properties that an object must have."""
        return list(self.plain.get("required") or [])

    @cached_property
    def properties(self) -> dict[str, Spec]:
        """An object's properties; also required ones that the schema forgets to describe."""
        described = dict(self.plain.get("properties") or {})
        named = described | {n: {} for n in self.required if n not in described}
        return {name: Spec(raw, self.root) for name, raw in named.items()}

    @cached_property
    def items(self) -> Spec:
        """The schema of a list's items."""
        return Spec(self.plain.get("items") or {}, self.root)

    @property
    def choices(self) -> list[Any]:
        """The values of an enum; [] for none."""
        return list(self.plain.get("enum") or [])

    @property
    def about(self) -> str:
        """The beginning of the description."""
        return str(self.plain.get("description") or "")[:400]

    def conforms(self, value: Any) -> bool:
        """Tell whether a value satisfies the schema."""
        if not schemas.is_instance(value, self.raw, self.root):
            return False
        pattern = self.plain.get("pattern")
        return not isinstance(value, str) or not pattern or schemas.may_fit(value, str(pattern))

    def fitted(self, value: Any) -> Any:
        """Turn a known value into the schema's type, where that loses nothing."""
        if self.kind == "string" and isinstance(value, int | float):
            return str(value)
        if self.kind in ("integer", "number") and isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        whole = self.kind == "integer" and isinstance(value, float) and value.is_integer()
        return int(value) if whole else value

    def complete(self, value: Any, inside: tuple[str, ...] = ()) -> Any:
        """Add to a value, or None, what the schema requires, as empty as the schema allows."""
        # `inside` are the references and names that lead to the value.
        if value is None:
            reference = str(self.raw.get("$ref", "")) if isinstance(self.raw, Mapping) else ""
            if reference and reference in inside:  # what has to hold its own kind has no end
                return {}
            if self.conforms(None):
                return None
            inside = (*inside, reference)
        if isinstance(value, dict) and self.kind == "object":
            wanted = {*value, *self.required}
            inner = {n: s for n, s in self.properties.items() if n in wanted}
            return {n: s.complete(value.get(n), (*inside, n)) for n, s in inner.items()}
        if isinstance(value, list) and self.kind == "array":
            least = min(int(self.plain.get("minItems") or 0), 100 >> len(inside))
            padded = [*value, *[None] * (least - len(value))]
            return [self.items.complete(v, (*inside, "")) for v in padded]
        return value if value is not None and self.conforms(value) else self._empty(inside)

    def _empty(self, inside: tuple[str, ...]) -> Any:
        spec = self.plain
        if "const" in spec or self.conforms(spec.get("default", object)):
            return spec.get("const", spec.get("default"))
        if self.choices:
            return next((c for c in self.choices if str(c).lower() in _VAGUE), self.choices[0])
        if self.kind in ("object", "array"):
            return self.complete({} if self.kind == "object" else [], inside)
        if self.kind in ("boolean", "null"):
            return False if self.kind == "boolean" else None
        if self.kind in ("integer", "number"):
            limits = [v for k, v in spec.items() if k.lower().endswith(("minimum", "maximum"))]
            near = [0, *(x + d for x in limits for d in (0, 1, -1)), sum(limits) / 2]
            step = spec.get("multipleOf") or 1
            values = [*near, *(math.ceil(x / step) * step for x in near)]
            return next((x for x in map(self.fitted, values) if self.conforms(x)), 0)
        least = "unknown".ljust(min(int(spec.get("minLength") or 0), 100_000), ".")
        first = _FORMATS.get(str(spec.get("format")), least if spec.get("minLength") else "")
        return next((s for s in (first, first[:1], *_SAMPLES) if self.conforms(s)), first)

    def _plain(self, spec: Any, depth: int = 0) -> dict[str, Any]:
        """Follow references, merge `allOf`, pick the first alternative that isn't null."""
        for _ in range(16):
            if not isinstance(spec, Mapping):
                return {}
            if "$ref" in spec:
                rest = {k: v for k, v in spec.items() if k != "$ref"}
                spec = {**self._pointed(str(spec["$ref"])), **rest}
            elif spec.get("allOf") and depth < DEEPEST:
                own = {k: v for k, v in spec.items() if k != "allOf"}
                spec = _merged([self._plain(p, depth + 1) for p in (own, *spec["allOf"])])
            elif options := spec.get("anyOf") or spec.get("oneOf"):
                around = {k: v for k, v in spec.items() if k not in ("anyOf", "oneOf")}
                real = [o for o in options if isinstance(o, dict) and o.get("type") != "null"]
                spec = {**around, **[*real, {"type": "null"}][0]}
            else:
                break
        if isinstance(kinds := spec.get("type"), list):
            return {**spec, "type": next((k for k in kinds if k != "null"), "null")}
        return dict(spec)

    def _pointed(self, reference: str) -> dict[str, Any]:
        place: Any = self.root
        for step in filter(None, reference.lstrip("#").split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, Mapping) else None
        return dict(place) if isinstance(place, Mapping) else {}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for part in parts:
        named = {**whole.get("properties", {}), **part.get("properties", {})}
        wanted = [*whole.get("required", []), *part.get("required", [])]
        whole |= part | ({"properties": named, "required": wanted} if named else {})
    return whole
