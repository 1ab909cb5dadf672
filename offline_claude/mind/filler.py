"""The filler: one object after a schema, from a text and from what is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from offline_claude.mind.emptiness import empty
from offline_claude.mind.json_schema import (
    DEEPEST,
    Schema,
    conforms,
    fit,
    kind_of,
    nullable,
    plain,
    properties,
    required,
)
from offline_claude.mind.matching import STRONG, best, by_role, candidates
from offline_claude.mind.phrases import free_words, texts
from offline_claude.mind.rows import only_repeats, rows, tells_enough
from offline_claude.mind.said import said_boolean, said_choices
from offline_claude.mind.slots import Slot
from offline_claude.mind.values import Passage, Spot
from offline_claude.mind.words import name_words, stems

_MOST_NESTINGS = 300  # a recursive schema branches without end


class MissingArgument(Exception):
    """The question doesn't say what a required argument should be.

    Attributes:
        name: The argument.
        choices: What it may be, when its schema lists that.
    """

    def __init__(self, name: str, choices: list[Any] | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.choices = choices or []


class Filler:
    """Fills one object; a value that has been used isn't used again."""

    def __init__(
        self,
        root: Schema,
        passage: Passage,
        known: Mapping[str, Any],
        *,
        forced: bool,
        about: str = "",
        whole: bool = False,
    ) -> None:
        """Prepare to fill.

        Args:
            root: The whole schema, which holds the definitions.
            passage: The text.
            known: Values known by argument name.
            forced: Whether to fill in what isn't known, with the emptiest value.
            about: What the object is, such as the tool's name.
            whole: Whether to fill everything that the text may speak of, as in an extraction.
        """
        self.root = root
        self.passage = passage
        self.known = known
        self.forced = forced
        self.whole = whole
        self.about = tuple(name_words(about))
        self.said = stems(passage.text)
        self.taken: list[Spot] = []
        self.chosen = ""
        self.writes: Callable[[str, Schema, Passage], Any] | None = None
        self.nested_so_far = count()
        self.before: Mapping[str, Any] = {}

    def slot(self, name: str, spec: Schema) -> Slot:
        """Describe an argument.

        Args:
            name: Its name.
            spec: Its plain schema.

        Returns:
            What a value is looked for.
        """
        return Slot(name, spec, self.about)

    def object(self, schema: Schema, depth: int = 0) -> dict[str, Any]:
        """Fill an object.

        Args:
            schema: Its plain schema.
            depth: How deep it is nested.

        Returns:
            Its properties, in the schema's order.

        Raises:
            MissingArgument: A required one can't be found, and nothing forces it.
        """
        raw = properties(schema)
        wanted = set() if self.whole else set(required(schema))
        specs = {n: plain(s, self.root, self.said) for n, s in raw.items()}
        found: dict[str, Any] = {}
        order = sorted(specs, key=lambda n: _rank(Slot(n, specs[n], self.about)))
        for name in order:
            value = self.strong(name, specs[name], name in wanted, depth)
            if value is not None:
                found[name] = value
        for name in order:
            if name in found or not (name in wanted or self.whole):
                continue
            value = self.weak(name, specs[name], name in wanted)
            if value is None and self.writes:
                value = self.writes(name, specs[name], self.passage)
            if value is not None:
                found[name] = value
            elif name in wanted:
                found[name] = self.rest(name, raw[name], specs[name], depth)
        self.drop_repeated(found, specs, required(schema))
        return {n: found[n] for n in raw if n in found}

    def drop_repeated(
        self, found: dict[str, Any], specs: Mapping[str, Schema], needed: list[str]
    ) -> None:
        """Take out what an optional list of objects only says again of the object itself."""
        own = [value for value in found.values() if not isinstance(value, list | dict)]
        for name in [n for n, v in found.items() if isinstance(v, list) and n not in needed]:
            items = plain(specs[name].get("items") or {}, self.root, self.said)
            if kind_of(items) == "object" and all(only_repeats(r, own) for r in found[name]):
                del found[name]

    def strong(self, name: str, spec: Schema, wanted: bool, depth: int) -> Any:
        """Find what the text says about an argument in so many words."""
        kind = kind_of(spec)
        if "const" in spec:
            return spec["const"] if wanted else None
        if isinstance(choices := spec.get("enum"), list):
            said = said_choices(self.passage, choices, spec)
            said = by_role(self.passage, self.slot(name, spec), said)
            # "the user with email x": the choice tells what another argument is.
            self.chosen = str(said[0]) if said else self.chosen
            return said[0] if said else None
        if kind == "boolean":
            return said_boolean(self.passage, name)
        if kind == "object":
            return self.nested(spec, wanted, depth)
        if kind == "array":
            return self.array(name, spec, wanted or self.whole, depth)
        if kind == "null":
            return None
        found = best(self.passage, self.slot(name, spec), self.taken)
        if found and found[2] >= STRONG:
            self.taken.append(found[1])
            return found[0]
        return None

    def weak(self, name: str, spec: Schema, wanted: bool) -> Any:
        """Find what is known otherwise, or what in the text is of the argument's kind."""
        kind = kind_of(spec)
        slot = self.slot(name, spec)
        if self.chosen and name_words(name) in (["value"], ["identifier"], ["term"], ["key"]):
            slot = self.slot(self.chosen, {**spec, "description": ""})
        # Something of just this kind in the question is newer than what is known already.
        if kind == "string" and slot.kinds and "enum" not in spec:
            found = best(self.passage, slot, self.taken)
            if found and found[2] >= 0.4:
                self.taken.append(found[1])
                return found[0]
        if (value := self.recall(name, spec)) is not None:
            return value
        if kind not in ("string", "integer", "number") or spec.get("enum"):
            return None
        # What the text doesn't speak of is as the schema says, rather than the next best name.
        if name in self.before or (spec.get("default") is not None and not slot.kinds):
            return None
        if slot.is_free and kind == "string":
            value = free_words(self.passage, slot) if wanted or self.whole else None
            return value if value and conforms(value, spec) else None
        found = best(self.passage, slot, self.taken)
        needed = 0.25 if self.whole else -0.9
        if found and found[2] >= needed and (kind == "string" or not self.whole or found[2] > 1):
            self.taken.append(found[1])
            return found[0]
        return None

    def recall(self, name: str, spec: Schema) -> Any:
        """Look an argument up in what is known."""
        words = name_words(name)
        for key in (name, "_".join(words), "".join(words), words[-1] if words else name):
            if key in self.known and not isinstance(self.known[key], list):
                value = fit(self.known[key], spec, self.root)
                if conforms(value, spec):
                    self.taken += [s for s in self.passage.spots("number") if s.value == value]
                    return value
        return None

    def rest(self, name: str, raw: Any, spec: Schema, depth: int) -> Any:
        """Decide on a required argument that nothing tells."""
        if name in self.before:
            return self.before[name]
        if "default" in spec and conforms(spec["default"], spec):
            return spec["default"]
        if kind_of(spec) == "boolean":
            return False
        if nullable(raw, self.root):
            return None
        if not self.forced:
            raise MissingArgument(name, spec.get("enum"))
        return empty(raw, self.root, depth)

    def nested(self, spec: Schema, wanted: bool, depth: int) -> Any:
        """Fill an object within the object; an optional one only if all it needs is told."""
        if depth >= DEEPEST or not self.goes_on() or not properties(spec):
            return {} if wanted else None
        if wanted or self.whole:
            return self.object(spec, depth + 1) or ({} if wanted else None)
        taken, forced = [*self.taken], self.forced
        self.forced = False
        try:
            return self.object(spec, depth + 1) or None
        except MissingArgument:
            self.taken = taken
            return None
        finally:
            self.forced = forced

    def goes_on(self) -> bool:
        """Whether there may be one more object within the object: a schema may have no end."""
        return next(self.nested_so_far) < _MOST_NESTINGS

    def array(self, name: str, spec: Schema, wanted: bool, depth: int) -> Any:
        """Fill a list."""
        items = plain(spec.get("items") or {}, self.root, self.said)
        slot = self.slot(name, {**items, "description": spec.get("description")})
        given = self.known.get(name)
        if isinstance(given, list) and all(conforms(v, items) for v in given):
            return given if conforms(given, spec) else None
        if isinstance(choices := items.get("enum"), list):
            values = said_choices(self.passage, choices, items)
        elif kind_of(items) == "object":
            values = self.objects(items, depth) if wanted and depth < DEEPEST else []
        elif kind_of(items) in ("integer", "number"):
            near = candidates(self.passage, slot, self.taken)
            values = [v for v, _, score in near if score > -1] if wanted else []
        elif kind_of(items) == "string":
            values = texts(self.passage, slot, every=wanted)
        else:
            values = []
        values = [v for n, v in enumerate(values) if v not in values[:n]]
        most = spec.get("maxItems")
        values = values[:most] if isinstance(most, int) and most >= 0 else values
        return values if values and conforms(values, spec) else None

    def objects(self, items: Schema, depth: int) -> list[Any]:
        """The objects of a list: one for each line, sentence or part that tells enough."""
        if told := rows(self.passage.text, [*properties(items)]):
            return [self.inner("", row).object(items, depth + 1) for row in told if self.goes_on()]
        best_found: list[Any] = []
        for split in (
            r"\n+(?:\s*[-*•]|\s*\d+[.)])?",
            r"[;\n]|(?<=[.!?]) ",
            r",? and |[,;\n] ?|(?<=[.!?]) ",
        ):
            found = []
            for part in re.split(split, self.passage.text)[:100]:
                if not part.strip() or not self.goes_on():
                    continue
                value = self.inner(part, {}).object(items, depth + 1)
                if tells_enough(value, items):
                    found.append(value)
            told = [v for v in found if {*required(items)} <= {*v}] if not self.whole else found
            # Of two ways to split, the one whose parts tell most; of equals, the coarser.
            if sum(map(len, told)) > sum(map(len, best_found)):
                best_found = told
        return best_found

    def inner(self, part: str, known: Mapping[str, Any]) -> Filler:
        """A filler for an object of a list."""
        inner = Filler(self.root, Passage(part), known, forced=True, whole=True)
        inner.nested_so_far = self.nested_so_far
        return inner


def _rank(slot: Slot) -> int:
    """Arguments that only one kind of value fits choose first, those that take any text last."""
    if slot.spec.get("enum") or "const" in slot.spec:
        return 0
    if kind_of(slot.spec) == "string":
        sure = slot.kinds[:1] and slot.kinds[0] not in ("name", "quoted", "code")
        return 1 if sure else 5 if slot.is_free else 4 if not slot.kinds else 3
    return 2
