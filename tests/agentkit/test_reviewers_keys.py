"""Reviewers' keys: what the environment may hold, and where a worker starts without any."""

from __future__ import annotations

import re
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agentkit import ToolCall
from agentkit.approvals import Decision, sign, trust_names
from agentkit.approvals.decisions import require_keys, verify_from_environment
from classroom.copy.catalogue import CATALOGUE
from tests.support.authority import Attacker

REQUEST = Attacker(cast(Any, SimpleNamespace(id="w")), "first", "").request(
    ToolCall("toolu_1", "refund", {"order_id": 7, "amount": 80.0})
)
# The same in each process, as they are in the names of tests.
ANN, BOB = sha256(b"ann").hexdigest(), sha256(b"bob").hexdigest()[:32]


def server(address: str) -> Any:
    """A client of the server at this address."""
    return SimpleNamespace(
        service_client=SimpleNamespace(config=SimpleNamespace(target_host=address))
    )


@pytest.mark.parametrize("keys", [f"ann={ANN}", f"  ann={ANN}\n bob={BOB} ", f"jürgen={ANN}"])
def test_keys_of_the_environment_verify_signatures(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVAL_KEYS", keys)
    verify = verify_from_environment()
    name = keys.split("=")[0].strip()
    decision = Decision("toolu_1", REQUEST.digest, "approve", name)
    assert verify(sign(decision, ANN.encode()), REQUEST) is None
    assert verify(decision, REQUEST)
    assert verify(sign(decision, BOB.encode()), REQUEST)
    require_keys(verify, server("temporal.example:7233"))


PLACEHOLDER = next(
    re.findall('#APPROVAL_KEYS="(.*)"', entry.env)[0]
    for entry in CATALOGUE.values()
    if "APPROVAL_KEYS" in entry.env
)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (f"ann={ANN} ann={BOB}", r"entry 2 \(ann\): the name has a key already"),
        (f"ann={ANN} bob={ANN}", r"entry 2 \(bob\): another reviewer has the same key"),
        (f"ann={ANN},bob={BOB}", r"entry 1 \(ann\): separate the entries by spaces"),
        (f"ann={ANN}, bob={BOB}", "entry 1 .*separate the entries by spaces"),
        (f"={ANN}", "entry 1: write NAME=KEY"),
        (ANN, "entry 1: write NAME=KEY"),
        (f"ann:{ANN}", "entry 1: write NAME=KEY"),
        (f"{ANN}=ann", "entry 1: a key is 32 random hexadecimal digits or more"),
        ("ann=", r"entry 1 \(ann\): a key is 32"),
        (f"ann={ANN[:31]}", "a key is 32"),
        (f"ann={ANN[:-1]}x", "a key is 32"),
        (f'"ann={ANN}"', "entry 1: a key is 32"),
        (f"ann={'a' * 64}", "a key is 32"),
        (PLACEHOLDER, r"entry 1 \(ann\): a key is 32"),
    ],
)
def test_unusable_keys_are_named_and_not_quoted(
    keys: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVAL_KEYS", keys)
    with pytest.raises(ValueError, match=words) as refused:
        verify_from_environment()
    assert not re.search("[0-9a-f]{12}", str(refused.value))


@pytest.mark.parametrize("keys", [None, "", "  \n"])
@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("localhost:7233", True),
        ("127.0.0.1:7233", True),
        ("127.8.9.1:7233", True),
        ("[::1]:7233", True),
        ("http://localhost:7233", True),
        ("temporal:7233", False),
        ("10.0.0.5:7233", False),
        ("0.0.0.0:7233", False),
        ("localhost.evil.example:7233", False),
        ("127.0.0.1.nip.io:7233", False),
        ("localhost@evil.example:7233", False),
        ("https://ns.tmprl.cloud:7233", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_worker_without_keys_starts_only_beside_its_server_or_by_name(
    keys: str | None, address: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APPROVAL_TRUST_NAMES", raising=False)
    monkeypatch.delenv("APPROVAL_KEYS", raising=False)
    if keys is not None:
        monkeypatch.setenv("APPROVAL_KEYS", keys)
    assert verify_from_environment() is trust_names
    if local:
        require_keys(trust_names, server(address))
        return
    with pytest.raises(ConnectionError, match=r"APPROVAL_KEYS .* or APPROVAL_TRUST_NAMES=1"):
        require_keys(trust_names, server(address))
    monkeypatch.setenv("APPROVAL_TRUST_NAMES", "1")
    require_keys(trust_names, server(address))


async def test_address_is_the_one_that_the_client_uses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from temporalio.client import Client
    from temporalio.envconfig import ClientConfig

    profile = tmp_path / "temporal.toml"
    profile.write_text('[profile.default]\naddress = "temporal.example:7233"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profile))
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "APPROVAL_TRUST_NAMES"):
        monkeypatch.delenv(name, raising=False)
    config = cast(Any, ClientConfig.load_client_connect_config())
    client = await Client.connect(**config, lazy=True)
    with pytest.raises(ConnectionError, match="isn't on this machine"):
        require_keys(trust_names, client)
