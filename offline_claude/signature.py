"""Signatures of thinking blocks, which show whether a block comes back unchanged."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_KEY = b"The offline Claude signs with this. It guards lessons against mistakes, not secrets."
_SIZE = hashlib.sha256().digest_size


def sign(thinking: str) -> str:
    """Sign a thinking block's text; the signature contains it, as a block may omit its text."""
    text = thinking.encode()
    return base64.b64encode(_digest(text) + text).decode()


def is_signed(thinking: str, signature: str) -> bool:
    """Check that neither a thinking block's text ("" if omitted) nor its signature was changed."""
    try:
        signed = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    text = signed[_SIZE:]
    genuine = hmac.compare_digest(_digest(text), signed[:_SIZE])
    return genuine and thinking.encode() in (text, b"")


def _digest(text: bytes) -> bytes:
    return hmac.digest(_KEY, text, "sha256")
