"""Temporal's own way with large payloads: kept outside, history has a claim on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from temporalio.api.common.v1 import Payload
from temporalio.client import ClientConfig
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)
from temporalio.plugin import SimplePlugin

from agentkit.stores import Store

THRESHOLD_BYTES = 1_000


class StoreDriver(StorageDriver):
    """Puts payloads into one of our stores.

    Args:
        where: The store.
    """

    def __init__(self, where: Store) -> None:
        self.where = where

    def name(self) -> str:
        """The name under which claims find it again."""
        return "agentkit.stores"

    async def store(
        self,
        context: StorageDriverStoreContext,
        payloads: Sequence[Payload],
    ) -> list[StorageDriverClaim]:
        """Put payloads; see the base class."""
        # A store keeps texts. Payloads here are JSON, which Latin-1 hardly makes longer.
        texts = [each.SerializeToString().decode("latin1") for each in payloads]
        return [StorageDriverClaim({"reference": self.where.put(text)}) for text in texts]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Get payloads back; see the base class."""
        texts = [self.where.get(claim.claim_data["reference"]) for claim in claims]
        return [Payload.FromString(text.encode("latin1")) for text in texts]


class ClaimCheckPlugin(SimplePlugin):
    """Adds external storage to a client's data converter; comes after `AgentPlugin`.

    Args:
        where: The store.
    """

    def __init__(self, where: Store) -> None:
        """Set up the driver."""
        self._storage = ExternalStorage(
            drivers=[StoreDriver(where)], payload_size_threshold=THRESHOLD_BYTES
        )
        super().__init__("agentkit.ClaimCheckPlugin")

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """Add the storage; see the base class."""
        config = super().configure_client(config)
        converter = config["data_converter"]
        config["data_converter"] = replace(converter, external_storage=self._storage)
        return config
