"""A payload codec, as people have one that encrypts: what it seals, a plain client can't read."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

ENCODING = b"binary/sealed"


class Opens(PayloadCodec):
    """Reads what is sealed and what isn't, and seals nothing: the observer's."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Leave payloads as they are."""
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed."""
        return [
            Payload.FromString(zlib.decompress(each.data)) if is_sealed([each]) else each
            for each in payloads
        ]


class Seals(Opens):
    """Seals everything: the worker's."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal payloads."""
        return [
            Payload(metadata={"encoding": ENCODING}, data=zlib.compress(each.SerializeToString()))
            for each in payloads
        ]


def is_sealed(payloads: Iterable[Payload]) -> bool:
    """Whether all of these are sealed."""
    return all(each.metadata.get("encoding") == ENCODING for each in payloads)
