"""Citations: where an answer's quotations come from (docs: build-with-claude/citations)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from offline_claude.request import Sent, blocks_of

_QUOTED = re.compile(r"“([^”]{3,})”")


@dataclass(frozen=True)
class _Source:
    """A document or a search result that an answer may cite.

    Attributes:
        location: The type of its citations, which says how they name places in it.
        named: What a citation says of it, in the API's fields.
        parts: Its texts.
    """

    location: str
    named: dict[str, Any]
    parts: list[str]


def cite(answer: str, sent: Sent) -> list[dict[str, Any]]:
    """Find where an answer's quotations come from.

    Args:
        answer: The answer, with its quotations in “…”.
        sent: The request, with the documents and search results that the answer may cite.

    Returns:
        One citation for each quotation that is found, in the API's shape.
    """
    quotations = [match[1].rstrip("…").strip() for match in _QUOTED.finditer(answer)]
    sources = list(_sources(sent)) if quotations else []
    return [citation for quotation in quotations for citation in _places(quotation, sources)]


def _sources(sent: Sent) -> Iterator[_Source]:
    """What has citations enabled; not PDFs, which the offline Claude can't read."""
    documents = results = 0
    for _, block in sent.blocks:
        enabled = "source" in block and (block.get("citations") or {}).get("enabled")
        if block["type"] == "search_result":
            if enabled:
                named = {name: block[name] for name in ("source", "title")}
                named["search_result_index"] = results
                yield _Source("search_result_location", named, _texts(block["content"]))
            results += 1
        elif block["type"] == "document":
            source = block["source"]
            named = {"document_index": documents, "document_title": block.get("title")}
            if enabled and source["type"] == "text":
                yield _Source("char_location", named, [source["data"]])
            elif enabled and source["type"] == "content":
                yield _Source("content_block_location", named, _texts(source["content"]))
            documents += 1


def _texts(content: object) -> list[str]:
    return [block["text"] for block in blocks_of(content) if block["type"] == "text"]


def _places(quotation: str, sources: list[_Source]) -> Iterator[dict[str, Any]]:
    for source in sources:
        for n, part in enumerate(source.parts):
            if (start := part.find(quotation)) < 0:
                continue
            place: dict[str, Any] = {
                "cited_text": part,
                "start_block_index": n,
                "end_block_index": n + 1,
            }
            if source.location == "char_location":  # the others cite whole blocks
                end = start + len(quotation)
                place = {
                    "cited_text": quotation,
                    "start_char_index": start,
                    "end_char_index": end,
                }
            yield {"type": source.location, **source.named, **place}
            return
