"""Citations: an answer's quotations are found in the documents of the request."""

from __future__ import annotations

from typing import Any

import pytest

from offline_claude import OfflineClaude
from offline_claude.reply import Thought, build_reply
from offline_claude.rules import check
from offline_claude.stream import events
from tests.support.offline_server import HI, MODEL, ask, sdk, user

RULES = "Books may be returned within 30 days. Postage is not refunded."
ON = {"citations": {"enabled": True}}
PLAIN = {
    "type": "document",
    "title": "Rules",
    "source": {"type": "text", "media_type": "text/plain", "data": RULES},
}
IN_BLOCKS = {
    "type": "document",
    "source": {
        "type": "content",
        "content": [{"type": "text", "text": "Hello."}, {"type": "text", "text": RULES}],
    },
}
FOUND = {
    "type": "search_result",
    "source": "handbook",
    "title": "Returns",
    "content": [{"type": "text", "text": RULES}],
}


def reply_quoting(quotation: str, *blocks: dict[str, Any]) -> Any:
    body = {"model": MODEL, "max_tokens": 999, "messages": [user(*blocks)]}
    request = check(body, "messages", version="2026-10-21", beta=False)
    return build_reply(request, Thought(f"The handbook says: “{quotation}”"))


@pytest.mark.parametrize(
    ("block", "place"),
    [
        (
            PLAIN | ON,
            {
                "type": "char_location",
                "cited_text": "Postage is not refunded.",
                "document_index": 0,
                "document_title": "Rules",
                "start_char_index": 38,
                "end_char_index": 62,
            },
        ),
        (
            IN_BLOCKS | ON,
            {
                "type": "content_block_location",
                "cited_text": RULES,
                "document_index": 0,
                "document_title": None,
                "start_block_index": 1,
                "end_block_index": 2,
            },
        ),
        (
            FOUND | ON,
            {
                "type": "search_result_location",
                "cited_text": RULES,
                "search_result_index": 0,
                "source": "handbook",
                "title": "Returns",
                "start_block_index": 0,
                "end_block_index": 1,
            },
        ),
    ],
)
def test_quotation_is_cited_with_its_place(block: Any, place: dict[str, Any]) -> None:
    [text] = reply_quoting("Postage is not refunded.", block).content
    assert text["citations"] == [place]
    streamed = b"".join(events(reply_quoting("Postage is not refunded.", block))).decode()
    assert streamed.count('"type":"citations_delta"') == 1


@pytest.mark.parametrize(
    ("quotation", "block"),
    [("Postage is not refunded.", PLAIN), ("We never close.", PLAIN | ON)],
)
def test_disabled_or_missing_quotation_is_not_cited(quotation: str, block: Any) -> None:
    [text] = reply_quoting(quotation, block).content
    assert "citations" not in text


async def test_sdk_reads_citations_and_can_send_them_back(
    offline: OfflineClaude,
) -> None:
    question: Any = user(PLAIN | ON, {"type": "text", "text": "Is postage refunded?"})
    whole = await ask(offline, [question])
    async with (
        sdk(offline.url) as claude,
        claude.messages.stream(model=MODEL, max_tokens=999, messages=[question]) as stream,
    ):
        streamed = await stream.get_final_message()
    [block] = whole.content
    assert block.type == "text"
    assert block.citations is not None
    assert block.citations[0].cited_text == "Postage is not refunded."
    assert [b.to_dict() for b in streamed.content] == [b.to_dict() for b in whole.content]
    said = {"role": "assistant", "content": whole.to_dict(mode="json")["content"]}
    assert (await ask(offline, [question, said, HI])).stop_reason == "end_turn"
