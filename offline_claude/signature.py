"""Signatures of thinking blocks: they say whether a block comes back as it was sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_KEY = b"The offline Claude signs with this. It guards lessons against mistakes, not secrets."
_SIZE = hashlib.sha256().digest_size


def sign(thinking: str) -> str:
    """Sign what a thinking block holds.

    Args:
        thinking: The text, also when the block itself doesn't show it.

    Returns:
        The signature: text and all, so that an omitted text can be checked too.
    """
    text = thinking.encode()
    return base64.b64encode(_digest(text) + text).decode()


def is_signed(thinking: str, signature: str) -> bool:
    """Tell whether a thinking block is as it was sent.

    Args:
        thinking: The block's text; "" when it was omitted.
        signature: The block's signature.

    Returns:
        False when either was changed.
    """
    try:
        signed = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    text = signed[_SIZE:]
    genuine = hmac.compare_digest(_digest(text), signed[:_SIZE])
    return genuine and thinking.encode() in (text, b"")


def _digest(text: bytes) -> bytes:
    return hmac.digest(_KEY, text, "sha256")
