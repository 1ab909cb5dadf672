"""Arguments for a tool: values found in the question and in results, fitted to a JSON schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<![\w.,])-?\d+(?:[.,]\d+)?(?![\w@]|[.,]\d)")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]+)[\"“”«»]|(?<!\w)'([^']+)'(?!\w)")
_NAME = re.compile(r"(?<!^)(?<![.!?]\s)\b(?!I\b)[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*")
_FREE_TEXT = {"query", "question", "text", "message", "topic", "search", "keywords", "content"}
_WORD = re.compile(r"[a-z]+")
_ENDINGS = ("ments", "ment", "ings", "ing", "ies", "ied", "ed", "es", "s", "e")


class MissingArgument(Exception):
    """The question doesn't say what a required argument should be.

    Attributes:
        name: The argument.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def stems(text: str) -> set[str]:
    """Reduce text to word stems, so that "shipping" meets "shipped".

    Args:
        text: Any text; underscores separate words.

    Returns:
        Lower-case stems.
    """
    return {_stem(w) for w in _WORD.findall(text.lower())}


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def dig(value: Any, *keys: str) -> Any:
    """Find a value in a tool's result by key, however deep, and whatever it is called exactly.

    Args:
        value: A result read as JSON.
        *keys: Names to look for, best first; a key that contains one will do.

    Returns:
        The first value that is text or a number, or None.
    """
    every = list(pairs(value))
    for wanted in keys:
        for match in (str.__eq__, str.__contains__):
            for key, found in every:
                if match(key.lower(), wanted) and isinstance(found, str | int | float):
                    return found
    return None


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Go through a tool's result: every key with its value, the outer ones first."""
    if isinstance(value, dict):
        yield from value.items()
        for inner in value.values():
            yield from pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pairs(inner)


def quoted(text: str) -> list[str]:
    """Find what stands in quotation marks.

    Args:
        text: The question.

    Returns:
        The quoted texts, in order.
    """
    return [a or b for a, b in _QUOTED.findall(text)]


def names(text: str) -> list[str]:
    """Find capitalised names that don't just start a sentence.

    Args:
        text: The question.

    Returns:
        The names, in order, each once.
    """
    return list(dict.fromkeys(_NAME.findall(text)))


def fit(value: Any, spec: Mapping[str, Any]) -> Any:
    """Turn a known value into the type that a schema wants, where that loses nothing.

    Args:
        value: A value from a tool's result or the question.
        spec: The property's schema.

    Returns:
        The value, as text or number if the schema says so.
    """
    kind = _plain(spec, {}).get("type")
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if kind in ("integer", "number") and isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def fill(
    schema: Mapping[str, Any],
    text: str,
    known: Mapping[str, Any] | None = None,
    *,
    forced: bool = False,
) -> dict[str, Any]:
    """Fill in a tool's arguments.

    Args:
        schema: The tool's input schema.
        text: The question.
        known: Values known by argument name, such as the order being talked about.
        forced: Whether the call must be made even if the question leaves something open.

    Returns:
        Every required argument, and the optional ones that the question mentions.

    Raises:
        MissingArgument: A required one can't be found, and the call isn't forced.
    """
    return _Filler(text, known or {}, schema.get("$defs") or {}, forced).object(schema)


def fill_each(
    schema: Mapping[str, Any], text: str, known: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Fill in a tool's arguments once for each thing that the question lists.

    Args:
        schema: The tool's input schema.
        text: The question, such as "the weather in Paris, Rome and Oslo".
        known: Values known by argument name.

    Returns:
        Several sets when the tool needs exactly one argument and several values fit it, else one.

    Raises:
        MissingArgument: A required argument can't be found.
    """
    required = list(schema.get("required") or [])
    one = fill(schema, text, known)
    if len(required) != 1:
        return [one]
    name = required[0]
    spec = (schema.get("properties") or {}).get(name, {})
    filler = _Filler(text, {}, schema.get("$defs") or {}, False)
    values = filler.candidates(name, _plain(spec, filler.defs))
    return [{**one, name: v} for v in dict.fromkeys(values)] if len(values) > 1 else [one]


def _plain(spec: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and take the first real alternative of an optional type."""
    for _ in range(8):
        if "$ref" in spec:
            spec = defs.get(str(spec["$ref"]).rsplit("/", 1)[-1], {})
        elif alternatives := spec.get("anyOf") or spec.get("oneOf"):
            real = [a for a in alternatives if a.get("type") != "null"]
            spec = real[0] if real else {}
        else:
            break
    if isinstance(spec.get("type"), list):
        kinds = [k for k in spec["type"] if k != "null"]
        return {**spec, "type": kinds[0] if kinds else "null"}
    return spec


class _Filler:
    """Fills one call; a number or a name that has been used isn't used again."""

    def __init__(
        self, text: str, known: Mapping[str, Any], defs: Mapping[str, Any], forced: bool
    ) -> None:
        self.text = text
        self.known = known
        self.defs = defs
        self.forced = forced
        self.taken: list[Any] = []

    def object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        required = schema.get("required") or []
        found: dict[str, Any] = {}
        for name, raw in (schema.get("properties") or {}).items():
            spec = _plain(raw if isinstance(raw, dict) else {}, self.defs)
            value = self.value(name, spec, name in required)
            if value is not None:
                found[name] = value
            elif name in required:
                if not self.forced:
                    raise MissingArgument(name)
                found[name] = self.placeholder(spec)
        return found

    def value(self, name: str, spec: Mapping[str, Any], required: bool) -> Any:
        if "const" in spec:
            return spec["const"] if required else None
        if spec.get("enum"):
            said = [e for e in spec["enum"] if stems(str(e)) and stems(str(e)) <= stems(self.text)]
            return said[0] if said else (spec["enum"][0] if required else None)
        beside = self.beside(name, spec)
        if beside is not None:
            self.taken.append(beside)
            return beside
        if not required:
            mentioned = stems(name) <= stems(self.text)
            return self.boolean(name) if spec.get("type") == "boolean" and mentioned else None
        if name in self.known:
            value = fit(self.known[name], spec)
            self.taken.append(value)
            return value
        if spec.get("type") == "boolean":
            return self.boolean(name)
        if spec.get("type") == "object":
            return self.object(spec)
        if spec.get("type") == "array":
            items = spec.get("items")
            inner = _plain(items if isinstance(items, dict) else {}, self.defs)
            values = [e for e in inner.get("enum", []) if stems(str(e)) & stems(self.text)]
            return (values or self.candidates(name, inner)) or None
        free = [v for v in self.candidates(name, spec) if v not in self.taken]
        if not free:
            return None
        self.taken.append(free[0])
        return free[0]

    def candidates(self, name: str, spec: Mapping[str, Any]) -> list[Any]:
        """What in the text could be this argument, best first."""
        kind = spec.get("type", "string")
        if kind in ("integer", "number"):
            found = [float(n.replace(",", ".")) for n in _NUMBER.findall(self.text)]
            whole = [int(n) for n in found if n.is_integer()]
            return whole if kind == "integer" else [int(n) if n.is_integer() else n for n in found]
        if kind != "string":
            return []
        words = set(name.lower().split("_"))
        if "email" in words or "mail" in words or spec.get("format") == "email":
            return list(EMAIL.findall(self.text))
        if "date" in words or "day" in words or spec.get("format") in ("date", "date-time"):
            return list(_DATE.findall(self.text))
        if words & {"id", "number"}:
            return quoted(self.text) or list(_NUMBER.findall(self.text))
        if words & _FREE_TEXT:
            return quoted(self.text)[:1] or [self.text.strip()]
        return quoted(self.text) or names(self.text) or [self.text.strip()]

    def beside(self, name: str, spec: Mapping[str, Any]) -> Any:
        """A value that stands right after the argument's name: "limit 5", "title: Dune"."""
        words = r"[ _]".join(map(re.escape, name.lower().split("_")))
        found = re.search(rf"\b{words}s?\b\s*(?:is|of|to|=|:)?\s*#?", self.text, re.IGNORECASE)
        if not found:
            return None
        rest = self.text[found.end() :]
        if spec.get("type") in ("integer", "number") and (number := _NUMBER.match(rest)):
            return fit(number[0].replace(",", "."), spec)
        if spec.get("type", "string") == "string" and (text := _QUOTED.match(rest)):
            return text[1] or text[2]
        return None

    def boolean(self, name: str) -> bool:
        words = re.escape(name.lower().rsplit("_", 1)[-1])
        no = rf"\b(no|not|without|don't|never)\s+(\w+\s+)?{words}"
        return not re.search(no, self.text, re.IGNORECASE)

    def placeholder(self, spec: Mapping[str, Any]) -> Any:
        """The emptiest value of a type: a forced call has to send something."""
        kind = spec.get("type", "string")
        if kind in ("integer", "number"):
            return spec.get("minimum", 0)
        empty: dict[str, Any] = {"boolean": False, "array": [], "object": {}}
        return empty.get(kind, self.text.strip() or "unknown")
