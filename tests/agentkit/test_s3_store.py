"""The store in a bucket, on a real S3 protocol: a server of its own, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.stores.s3 import S3Store
from agentkit.transcript import BrokenTranscript, Window, append, read_all, verify
from agentkit.transcript.window import read_window
from tests.support.chats import chat
from tests.support.conditions import until

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("s3") / "server.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **KEYS}
        ) as server,
    ):
        try:
            yield wait_for_url(log, server)
        finally:
            server.kill()


def wait_for_url(log: Path, server: subprocess.Popen[bytes]) -> str:
    def said() -> re.Match[str] | None:
        assert server.poll() is None, log.read_text()
        return re.search(r"http://127\.0\.0\.1:\d+", log.read_text())

    until(said)
    found = said()
    assert found is not None
    return found[0]


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    import boto3

    s3 = boto3.client("s3")
    if not s3.list_buckets()["Buckets"]:
        where = {"LocationConstraint": KEYS["AWS_DEFAULT_REGION"]}
        s3.create_bucket(Bucket="texts", CreateBucketConfiguration=where)
    return S3Store("texts")


def test_another_process_reads_the_text(store: S3Store) -> None:
    reference = store.put("a long text, ü")
    assert reference.startswith("sha256:")
    assert store.put("a long text, ü") == reference
    assert S3Store("texts").get(reference) == "a long text, ü"


def test_missing_text_error_names_bucket_and_reference(store: S3Store) -> None:
    with pytest.raises(KeyError, match="s3://texts/agentkit/ holds no sha256:0"):
        store.get("sha256:0")


def test_altered_text_is_an_error(store: S3Store) -> None:
    reference = store.put("refund 10 EUR")
    key = "agentkit/" + reference.removeprefix("sha256:")
    store._client.put_object(Bucket="texts", Key=key, Body=b"refund 99 EUR")
    with pytest.raises(KeyError, match="has been altered"):
        store.get(reference)


def test_transcript_works_in_s3_as_in_sqlite(store: S3Store) -> None:
    head = None
    for n in range(0, 20, 2):
        head = append(store, head, chat(5)[n : n + 2])
    assert read_all(store, head) == chat(5)
    assert verify(store, head).messages == 20
    assert len(read_window(store, head, Window(messages=5)).messages) == 5
    assert head is not None
    key = "agentkit/" + head.removeprefix("sha256:")
    store._client.delete_object(Bucket="texts", Key=key)
    with pytest.raises(BrokenTranscript, match="s3://texts"):
        verify(store, head)


def test_bucket_is_an_argument_or_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTKIT_STORE_BUCKET", raising=False)
    with pytest.raises(ValueError, match="AGENTKIT_STORE_BUCKET"):
        S3Store()
    monkeypatch.setenv("AGENTKIT_STORE_BUCKET", "texts")
    assert S3Store().bucket == "texts"


def test_importing_the_store_does_not_import_boto3() -> None:
    code = "import sys, agentkit.stores.s3; print('boto3' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "False\n"
