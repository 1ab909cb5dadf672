"""What images and documents are, whatever they say they are."""

from __future__ import annotations

import base64
import binascii
import io
import warnings

from PIL import Image

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def data_bytes(data: str) -> bytes | None:
    """Decode base64.

    Args:
        data: Standard base64, with its padding.

    Returns:
        The bytes, or None when it is no base64.
    """
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def read_image(data: bytes) -> tuple[str, int] | None:
    """Look at an image.

    Args:
        data: The image.

    Returns:
        Its media type such as "image/png" and its longer side in pixels; None when it is none
        that the API reads.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its size is a rule of its own
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                return f"image/{str(image.format).lower()}", max(image.size)
    except Exception:  # a damaged file can make Pillow raise almost anything
        return None
