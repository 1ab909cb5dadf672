"""Request bodies: packed, too large, no JSON, in other charsets."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anthropic
import pytest

from offline_claude import OfflineClaude
from offline_claude.body import MOST_BYTES, MOST_SPARE_BYTES
from tests.support import offline_server
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

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline


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
def test_packed_bodies_are_read(
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
def test_bodies_that_are_packed_wrongly_are_refused(
    offline: OfflineClaude, encoding: str, content: bytes, code: str
) -> None:
    response = raw(offline, content, content_encoding=encoding)
    assert response.status_code == 400
    assert error_of(response)["details"] == {"error_code": code}


def test_a_small_body_that_unpacks_to_too_much_is_refused_before_it_fills_the_memory(
    offline: OfflineClaude,
) -> None:
    packer = zlib.compressobj(1, wbits=31)
    packed = b"".join(packer.compress(b"x" * MOST_BYTES) for _ in range(16)) + packer.flush()
    assert len(packed) < MOST_BYTES // 10
    status = Path(f"/proc/{health(offline)['pid']}/status")

    def peak() -> int:
        return 1024 * int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0])

    before = peak()
    response = raw(offline, packed, content_encoding="gzip")
    assert response.status_code == 413
    assert error_of(response)["type"] == "request_too_large"
    assert error_of(response)["details"]["error_code"] == "request_body_too_large_after_decoding"
    assert peak() - before < 8 * MOST_BYTES


async def test_a_body_that_is_too_large_is_refused_and_the_connection_lives_on(
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


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(
    offline: OfflineClaude,
) -> None:
    with connect(offline) as client:
        announced = str(MOST_BYTES + 1)
        client.sendall(http(b"", content_length=announced, expect="100-continue"))
        answer = read_all(client)
    assert statuses(answer) == [413]
    assert b"100 Continue" not in answer


def test_a_body_without_a_length_is_refused_once_too_much_of_it_has_come(
    offline: OfflineClaude,
) -> None:
    head = http(b"", content_length="", transfer_encoding="chunked", connection="close")
    megabyte = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with connect(offline) as client:
        client.sendall(head)
        for _ in range(33):
            client.sendall(megabyte)
        assert statuses(read_all(client)) == [413]


@pytest.mark.parametrize("path", ["/v1/nope", "/v1/messages"])
def test_a_refusal_reaches_a_client_that_is_still_sending_and_then_wants_to_close(
    offline: OfflineClaude, path: str
) -> None:
    size = 4 * 1024 * 1024 if path == "/v1/nope" else MOST_BYTES + 1
    with connect(offline) as client:
        client.sendall(http(b"x" * size, path=path, connection="close"))
        assert statuses(read_all(client)) == [404 if path == "/v1/nope" else 413]


def test_a_client_that_never_stops_sending_is_dropped(offline: OfflineClaude) -> None:
    block = b"x" * (4 * 1024 * 1024)
    sent = 0
    with connect(offline) as client:
        client.sendall(http(b"", content_length=str(1 << 40)))
        with suppress(ConnectionError):
            while sent < 2 * MOST_SPARE_BYTES:
                client.sendall(block)
                sent += len(block)
    assert MOST_SPARE_BYTES <= sent < 2 * MOST_SPARE_BYTES


async def test_a_large_body_is_answered_while_others_are(offline: OfflineClaude) -> None:
    text = "A letter. " * 300_000
    large = [{"role": "user", "content": text}]
    replies = await asyncio.gather(ask(offline, large), *(ask(offline, "Hello") for _ in range(5)))
    assert all(reply.stop_reason == "end_turn" for reply in replies)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Input is a zero-length, empty document: line 1 column 1 (char 0)"),
        (b"{", "unexpected end of data: line 1 column 2 (char 1)"),
        (b'{"a', "unexpected end of data: line 1 column 4 (char 3)"),
        (b"{a}", "unexpected character: line 1 column 2 (char 1)"),
        (b"{} {}", "unexpected content after document: line 1 column 4 (char 3)"),
        (b'"\n"', "unexpected control character in string: line 1 column 2 (char 1)"),
        (b'"\\q"', "invalid escaped character in string: line 1 column 2 (char 1)"),
        (b'{"a": NaN}', "unexpected character: line 1 column 7 (char 6)"),
        (b"[-Infinity]", "unexpected character: line 1 column 2 (char 1)"),
        (b'{"a": "\xff"}', "str is not valid UTF-8: surrogates not allowed"),
        (b'{"a": "\\ud83d"}', "no low surrogate in string: line 1 column 8 (char 7)"),
        (b"[" * 100_000, "Recursion limit reached"),
        (b"1" * 5_000, "number is infinity when parsed as double"),
        (b"[1e400]", "number is infinity when parsed as double"),
        (json.dumps(hello()).encode("utf-16"), "str is not valid UTF-8: surrogates not allowed"),
    ],
)
def test_what_is_no_json_is_refused(offline: OfflineClaude, content: bytes, reason: str) -> None:
    response = raw(offline, content)
    assert response.status_code == 400
    assert error_of(response)["message"].startswith("The request body is not valid JSON: ")
    assert reason in error_of(response)["message"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", 'application/json; charset="UTF-8"', "text/plain", ""],
)
def test_any_content_type_and_a_byte_order_mark_will_do(
    offline: OfflineClaude, content_type: str
) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(hello()).encode()
    assert raw(offline, content, content_type=content_type).status_code == 200


def test_latin_1_is_read_as_such_and_other_charsets_are_refused(offline: OfflineClaude) -> None:
    body = json.dumps(hello(messages=[{"role": "user", "content": "Café"}]), ensure_ascii=False)
    content = body.encode("latin-1")
    latin = raw(offline, content, content_type="application/json; charset=ISO-8859-1")
    assert latin.status_code == 200
    assert offline.calls()[-1].question == "Café"
    response = raw(offline, content, content_type="application/json; charset=utf-16")
    assert response.status_code == 400
    assert error_of(response)["details"] == {"error_code": "unsupported_charset"}
