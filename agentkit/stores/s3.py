"""A store in S3, or a service with the same API: for workers on many machines.

It needs boto3: `pip install boto3`.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from agentkit.messages import sha256_reference


class S3Store:
    """A store in a bucket: one object per text, named by its digest.

    S3 shows an object to every reader as soon as `put_object` has returned, as a `Store` must
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel).

    Args:
        bucket: The bucket, which must exist; by default `AGENTKIT_STORE_BUCKET`.
        prefix: The beginning of every object's name.
        endpoint_url: Where the bucket is, if not at AWS. boto3 reads `AWS_ENDPOINT_URL_S3`, keys
            and region from its usual places, so this is rarely needed.
    """

    def __init__(
        self,
        bucket: str | None = None,
        *,
        prefix: str = "agentkit/",
        endpoint_url: str | None = None,
    ) -> None:
        self.bucket = bucket or os.environ.get("AGENTKIT_STORE_BUCKET") or ""
        if not self.bucket:
            raise ValueError("Name a bucket for the store, or set AGENTKIT_STORE_BUCKET.")
        self.prefix = prefix
        self._endpoint_url = endpoint_url

    def put(self, text: str) -> str:
        """Keep a text; see `Store`."""
        data = text.encode()
        reference = sha256_reference(data)
        self._client.put_object(Bucket=self.bucket, Key=self._key(reference), Body=data)
        return reference

    def get(self, reference: str) -> str:
        """Return a text; see `Store`."""
        where = f"s3://{self.bucket}/{self.prefix}"
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=self._key(reference))
        except self._client.exceptions.NoSuchKey:
            raise KeyError(f"{where} holds no {reference}") from None
        data: bytes = found["Body"].read()
        if sha256_reference(data) != reference:
            raise KeyError(f"{reference} in {where} has been altered: its text is another one")
        return data.decode()

    def _key(self, reference: str) -> str:
        return f"{self.prefix}{reference.removeprefix('sha256:')}"

    @cached_property
    def _client(self) -> Any:
        # Here only: importing it takes a second, which a process without a bucket saves. One
        # client may be used by many threads at once.
        import boto3

        return boto3.client("s3", endpoint_url=self._endpoint_url)
