"""Request bodies: compressed, too large, invalid JSON, in other charsets."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import anthropic
import pytest

from offline_claude import OfflineClaude
from offline_claude.body import MOST_BYTES, _inflate
from tests.support.offline_server import (
    HI,
    MODEL,
    ask,
    connect,
    error_of,
    health,
    hello,
    http,
    raw,
    read_all,
    sdk,
    statuses,
)


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", lambda b: gzip.compress(b[:20], mtime=0) + gzip.compress(b[20:])),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("GZIP", gzip.compress),
    ],
)
def test_compressed_body_is_read(
    offline: OfflineClaude, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    content = json.dumps(hello()).encode()
    assert raw(offline, pack(content), content_encoding=encoding).status_code == 200


@pytest.mark.parametrize(
    ("encoding", "content", "code"),
    [
        ("br", b"{}", "request_body_encoding_unsupported"),
        ("gzip, gzip", b"{}", "request_body_encoding_unsupported"),
        ("gzip", b"{}", "request_body_encoding_invalid"),
        ("gzip", gzip.compress(b"{}" * 99, mtime=0)[:-9], "request_body_encoding_invalid"),
        ("deflate", b"\xff\xff", "request_body_encoding_invalid"),
    ],
)
def test_body_compressed_wrongly_is_refused(
    offline: OfflineClaude, encoding: str, content: bytes, code: str
) -> None:
    response = raw(offline, content, content_encoding=encoding)
    assert response.status_code == 400
    assert error_of(response)["details"] == {"error_code": code}


def test_many_members_are_read_in_time_and_an_unfinished_one_is_refused(
    offline: OfflineClaude,
) -> None:
    empty = gzip.compress(b"", mtime=0) * 200_000
    packed = empty + gzip.compress(json.dumps(hello()).encode())
    began = time.process_time()
    assert _inflate(packed, 31) == json.dumps(hello()).encode()
    assert time.process_time() - began < 10
    assert raw(offline, packed, content_encoding="gzip").status_code == 200
    assert _inflate(packed[:-1], 31) is None


def test_decompression_bomb_is_refused_before_it_fills_memory(
    offline: OfflineClaude,
) -> None:
    packer = zlib.compressobj(1, wbits=31)
    packed = b"".join(packer.compress(b"x" * MOST_BYTES) for _ in range(8)) + packer.flush()
    assert len(packed) < MOST_BYTES // 10
    status = Path(f"/proc/{health(offline)['pid']}/status")

    def peak() -> int:
        return 1024 * int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0])

    before = peak()
    response = raw(offline, packed, content_encoding="gzip")
    assert response.status_code == 413
    assert error_of(response)["type"] == "request_too_large"
    assert error_of(response)["details"]["error_code"] == "request_body_too_large_after_decoding"
    assert peak() - before < 5 * MOST_BYTES


async def test_too_large_body_is_refused_and_the_connection_survives(
    offline: OfflineClaude,
) -> None:
    async with sdk(offline.url) as claude:
        with pytest.raises(anthropic.ContentTooLargeError, match="exceeds the maximum size"):
            await claude.messages.create(
                model=MODEL,
                max_tokens=9,
                messages=[{"role": "user", "content": "x" * MOST_BYTES}],
            )
        await claude.messages.create(model=MODEL, max_tokens=9, messages=[HI])  # type: ignore[list-item]
    [refused, _] = offline.calls()
    assert (refused.status, refused.error) == (413, "request_too_large")


def test_body_announced_as_too_large_is_refused_before_it_arrives(
    offline: OfflineClaude,
) -> None:
    with connect(offline) as client:
        announced = str(MOST_BYTES + 1)
        client.sendall(http(b"", content_length=announced, expect="100-continue"))
        answer = read_all(client)
    assert statuses(answer) == [413]
    assert b"100 Continue" not in answer


def test_too_large_chunked_body_is_refused_before_the_connection_closes(
    offline: OfflineClaude,
) -> None:
    head = http(b"", content_length="", transfer_encoding="chunked", connection="close")
    megabyte = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with connect(offline) as client:
        client.sendall(head)
        for _ in range(33):
            client.sendall(megabyte)
        client.sendall(b"0\r\n\r\n")
        assert statuses(read_all(client)) == [413]


async def test_large_body_does_not_hold_up_other_calls(offline: OfflineClaude) -> None:
    text = "A letter. " * 300_000
    large = [{"role": "user", "content": text}]
    replies = await asyncio.gather(ask(offline, large), *(ask(offline, "Hello") for _ in range(5)))
    assert all(reply.stop_reason == "end_turn" for reply in replies)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Input is a zero-length, empty document: line 1 column 1 (char 0)"),
        (b" ", "input data is empty: line 1 column 1 (char 0)"),
        (b"{", "unexpected end of data: line 1 column 2 (char 1)"),
        (b'{"a', "unexpected end of data: line 1 column 4 (char 3)"),
        (b"{a}", "unexpected character, expected a string key: line 1 column 2 (char 1)"),
        (b"{} {}", "unexpected content after document: line 1 column 4 (char 3)"),
        (b'"\n"', "unexpected control character in string: line 1 column 2 (char 1)"),
        (b'"\\q"', "invalid escaped sequence in string: line 1 column 2 (char 1)"),
        (b'{"a": NaN}', "unexpected character, expected a JSON value: line 1 column 7 (char 6)"),
        (b"[-Infinity]", "no digit after sign: line 1 column 3 (char 2)"),
        (b'{"a": "\xff"}', "str is not valid UTF-8: surrogates not allowed"),
        (b'{"a": "\\ud83d"}', "no low surrogate in string: line 1 column 8 (char 7)"),
        (b'{"a": "\\udc00"}', "invalid high surrogate in string: line 1 column 8 (char 7)"),
        (b"[" * 100_000, "depth limit exceeded: line 1 column 1026 (char 1025)"),
        (b"1" * 5_000, "number is infinity when parsed as double: line 1 column 1 (char 0)"),
        (b"[1e400]", "number is infinity when parsed as double: line 1 column 2 (char 1)"),
        (json.dumps(hello()).encode("utf-16"), "str is not valid UTF-8: surrogates not allowed"),
    ],
)
def test_invalid_json_is_refused_in_the_words_of_orjson(
    offline: OfflineClaude, content: bytes, reason: str
) -> None:
    response = raw(offline, content)
    assert response.status_code == 400
    assert error_of(response)["message"].startswith("The request body is not valid JSON: ")
    assert reason in error_of(response)["message"]


def test_deeply_nested_json_is_refused_not_a_failure(offline: OfflineClaude) -> None:
    nested: object = "x"
    for _ in range(900):
        nested = [nested]
    text = {"type": "text", "text": nested}
    for body in (
        nested,
        hello(tools=nested),
        hello(tools=[{"name": nested}]),
        hello(messages=[{"role": "user", "content": [text]}]),
        hello(metadata={"user_id": nested}),
    ):
        assert raw(offline, body).status_code == 400


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", 'application/json; charset="UTF-8"', "text/plain", ""],
)
def test_any_content_type_and_a_byte_order_mark_are_accepted(
    offline: OfflineClaude, content_type: str
) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(hello()).encode()
    assert raw(offline, content, content_type=content_type).status_code == 200


def test_latin_1_is_read_and_other_charsets_are_refused(offline: OfflineClaude) -> None:
    body = json.dumps(hello(messages=[{"role": "user", "content": "Café"}]), ensure_ascii=False)
    content = body.encode("latin-1")
    latin = raw(offline, content, content_type="application/json; charset=ISO-8859-1")
    assert latin.status_code == 200
    assert offline.calls()[-1].question == "Café"
    response = raw(offline, content, content_type="application/json; charset=utf-16")
    assert response.status_code == 400
    assert error_of(response)["details"] == {"error_code": "unsupported_charset"}
