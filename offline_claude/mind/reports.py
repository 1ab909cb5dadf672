"""Reports: how the tools that take a plan or a report with citations want them to be filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from offline_claude.mind.arguments import fill
from offline_claude.mind.case import Case
from offline_claude.mind.json_schema import Schema, kind_of, plain, properties
from offline_claude.mind.words import name_words, stems

_DOUBTS = stems("disagreement contradiction conflict difference dispute inconsistency discrepancy")
_GAPS = stems("gap missing open unknown unanswered limitation limit lacking")
_QUOTE = stems("quote excerpt passage verbatim snippet words")
_SOURCE = stems("source reference id url document citation")
_TOOL = stems("tool where place")


@dataclass(frozen=True)
class Passage:
    """Something that a search has brought, and that can be cited."""

    source: str
    text: str

    @property
    def said(self) -> str:
        """It in quotation marks, after what kind of source says so."""
        kind, colon, _ = self.source.partition(":")
        who = f"The {kind}" if colon else f"Source {kind}"
        return f"{who} {'say' if colon and kind.endswith('s') else 'says'}: “{self.text}”"


@dataclass(frozen=True)
class Draft:
    """What a report is to say.

    Attributes:
        title: What it is about.
        findings: One passage a paragraph.
        doubts: Passages that contradict one another, a pair or more a paragraph.
        gaps: Sentences about what was not found.
    """

    title: str
    findings: list[Passage]
    doubts: list[list[Passage]]
    gaps: list[str]


@dataclass(frozen=True)
class ReportForm:
    """A tool that takes a report: paragraphs, each with citations of a source and a quote.

    Attributes:
        tool: Its name.
        lists: Its arguments that hold such paragraphs.
        doubts: The one of them for what contradicts itself; "" when there is none.
        gaps: The argument for what was not found; "" when there is none.
        title: The argument for the title; "" when there is none.
        words, citations, source, quote: What a paragraph and a citation call their parts.
    """

    tool: str
    lists: tuple[str, ...]
    doubts: str
    gaps: str
    title: str
    words: str
    citations: str
    source: str
    quote: str

    @classmethod
    def find(cls, case: Case) -> Self | None:
        """Find the tool among those on offer.

        Args:
            case: The case.

        Returns:
            The first that takes a report; None when there is none.
        """
        for name, tool in case.tools.items():
            if form := cls._read(name, tool["input_schema"]):
                return form
        return None

    @classmethod
    def _read(cls, name: str, schema: Schema) -> Self | None:
        specs = {n: plain(s, schema) for n, s in properties(plain(schema, schema)).items()}
        cited = {n: parts for n, spec in specs.items() if (parts := _paragraph(spec, schema))}
        if not cited:
            return None
        doubts = next((n for n in cited if _speaks_of(n, _DOUBTS)), "")
        plain_lists = [n for n, s in specs.items() if _items(s, schema).get("type") == "string"]
        texts = [n for n, s in specs.items() if kind_of(s) == "string"]
        body = [n for n in cited if n != doubts] or [doubts]
        return cls(
            name,
            tuple(body),
            doubts,
            next((n for n in plain_lists if _speaks_of(n, _GAPS)), ""),
            next((n for n in texts if _speaks_of(n, stems("title heading subject name"))), ""),
            *cited[body[0]],
        )

    def fill(self, case: Case, draft: Draft) -> dict[str, Any]:
        """Write a draft down as the tool wants it.

        Args:
            case: The case.
            draft: What to say.

        Returns:
            The arguments; others that are required are filled as for any tool.
        """
        told = [self._written([found], found.said) for found in draft.findings]
        doubted = [
            self._written(doubt, f"{' '.join(p.said for p in doubt)} They don't agree.")
            for doubt in draft.doubts
        ]
        schema = case.tools[self.tool]["input_schema"]
        values: dict[str, Any] = {self.lists[0]: told, **{key: [] for key in self.lists[1:]}}
        if self.doubts:
            values[self.doubts] = doubted
        else:
            values[self.lists[0]] = told + doubted
        if self.gaps:
            values[self.gaps] = draft.gaps
        if self.title:
            values[self.title] = draft.title
        return {**fill(schema, case.question, {}, forced=True, about=self.tool), **values}

    def _written(self, passages: list[Passage], text: str) -> dict[str, Any]:
        cited = [{self.source: p.source, self.quote: p.text} for p in passages]
        return {self.words: text, self.citations: cited}


@dataclass(frozen=True)
class PlanForm:
    """A tool that takes a plan: a list of searches.

    Attributes:
        tool: Its name.
        searches: Its argument.
        where: What a search calls the tool that it is to be made with; "" for nothing.
        what: What a search calls its words; "" when the list holds plain texts.
    """

    tool: str
    searches: str
    where: str
    what: str

    @classmethod
    def find(cls, case: Case) -> Self | None:
        """Find the tool among those on offer, by its name.

        Args:
            case: The case.

        Returns:
            The first that takes a plan; None when there is none.
        """
        for name, tool in case.tools.items():
            schema = tool["input_schema"]
            for argument, raw in properties(plain(schema, schema)).items():
                items = _items(plain(raw, schema), schema)
                if "plan" not in name_words(name) or not items:
                    continue
                texts = [n for n, s in properties(items).items() if _is_text(s, schema)]
                where = next((n for n in texts if _speaks_of(n, _TOOL)), "")
                what = next((n for n in texts if n != where), "")
                if what or items.get("type") == "string":
                    return cls(name, argument, where, what)
        return None

    def fill(self, searches: list[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
        """Write searches down as the tool wants them.

        Args:
            searches: Each with its tool and the arguments that it will be given.

        Returns:
            The arguments.
        """
        entries: list[Any] = []
        for tool, arguments in searches:
            words = next((v for v in arguments.values() if isinstance(v, str)), "")
            entry = {self.what: words, self.where: tool}
            entry.pop("", None)
            entries.append(entry if self.what else f"{tool}: {words}")
        return {self.searches: entries}


def _paragraph(spec: Schema, root: Schema) -> tuple[str, str, str, str] | None:
    """The names of text, citations, source and quote, where a list holds cited paragraphs."""
    parts = properties(_items(spec, root))
    for name, raw in parts.items():
        cited = properties(_items(plain(raw, root), root))
        source = next((n for n in cited if _speaks_of(n, _SOURCE)), "")
        quote = next((n for n in cited if _speaks_of(n, _QUOTE) and n != source), "")
        words = next((n for n, s in parts.items() if n != name and _is_text(s, root)), "")
        if source and quote and words:
            return words, name, source, quote
    return None


def _items(spec: Schema, root: Schema) -> Schema:
    """What a list holds; {} for what is no list."""
    return plain(spec.get("items") or {}, root) if kind_of(spec) == "array" else {}


def _is_text(raw: Any, root: Schema) -> bool:
    return kind_of(plain(raw, root)) == "string"


def _speaks_of(name: str, words: set[str]) -> bool:
    return bool(stems(" ".join(name_words(name))) & words)
