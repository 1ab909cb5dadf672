"""Citations: where the words stand that an answer quotes (docs: build-with-claude/citations)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from offline_claude.request import Citable, blocks_of
from offline_claude.turns import Sent

_QUOTED = re.compile(r"“([^”]{3,})”")


def citable(sent: Sent) -> list[Citable]:
    """Find what an answer may cite.

    Args:
        sent: A request that passed the rules.

    Returns:
        Its documents and search results of which citations are wanted, in order; a PDF can't be
        read here.
    """
    found = []
    documents = results = 0
    for _, block in sent.blocks:
        wanted = (block.get("citations") or {}).get("enabled") if "source" in block else False
        if block["type"] == "search_result":
            if wanted:
                named = {name: block[name] for name in ("source", "title")}
                named["search_result_index"] = results
                found.append(Citable("search_result_location", named, _texts(block["content"])))
            results += 1
        elif block["type"] == "document":
            source = block["source"]
            named = {"document_index": documents, "document_title": block.get("title")}
            if wanted and source["type"] == "text":
                found.append(Citable("char_location", named, [source["data"]]))
            elif wanted and source["type"] == "content":
                texts = _texts(source["content"])
                found.append(Citable("content_block_location", named, texts))
            documents += 1
    return found


def _texts(content: object) -> list[str]:
    return [block["text"] for block in blocks_of(content) if block["type"] == "text"]


def cite(answer: str, sources: list[Citable]) -> list[dict[str, Any]]:
    """Say where an answer's quotations come from.

    Args:
        answer: The answer; what it quotes stands in “…”.
        sources: What it may cite.

    Returns:
        One citation for each quotation that is found, in the API's shape.
    """
    quotations = (match[1].rstrip("…").strip() for match in _QUOTED.finditer(answer))
    return [c for quotation in quotations for c in _places(quotation, sources)]


def _places(quotation: str, sources: list[Citable]) -> Iterator[dict[str, Any]]:
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
