"""Images, documents, files and citations."""

from __future__ import annotations

import base64
import binascii
import io
import math
import warnings

from PIL import Image

from offline_claude.errors import ApiError, invalid
from offline_claude.request import NEWEST_VERSION, Placed, Sent

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_MOST_IMAGE_BYTES = 10 * 1024 * 1024
_MOST_PIXELS = {"": 8_000, "for many-image requests": 2_000}
_MANY_IMAGES = 20


def urls_are_secure(sent: Sent) -> None:
    """URLs are HTTPS."""
    for source in sent.sources:
        if source["type"] == "url" and not source["url"].startswith("https://"):
            raise invalid("Only HTTPS URLs are supported.")


def images_are_images(sent: Sent) -> None:
    """Images are readable, of their declared type, and not too large."""
    images = [(path, block["source"]) for path, block in sent.blocks if block["type"] == "image"]
    request = "for many-image requests" if len(images) > _MANY_IMAGES else ""
    for path, source in images:
        if source["type"] != "base64":
            continue
        where, size = f"{path}.image.source.base64", len(source["data"])
        if not size:
            raise invalid(f"{where}: image cannot be empty")
        if (data := _decoded(source["data"])) is None:
            raise invalid(f"{where}.data: Invalid base64 data")
        if size > _MOST_IMAGE_BYTES:
            raise invalid(
                f"{where}: image exceeds 10 MB maximum: {size} bytes > {_MOST_IMAGE_BYTES} bytes"
            )
        if (found := _inspected(data)) is None:
            raise invalid("Could not process image")
        kind, pixels = found
        if kind != source["media_type"]:
            raise invalid(
                f"{where}: The image was specified using the {source['media_type']} media type, "
                f"but the image appears to be a {kind} image"
            )
        if pixels > (most := _MOST_PIXELS[request]):
            allowed = " ".join(filter(None, ["max allowed size", request]))
            raise invalid(
                f"{where}.data: At least one of the image dimensions exceed {allowed}: "
                f"{most} pixels"
            )


def media_are_few(sent: Sent) -> None:
    """There are at most 100 images and documents, or 600 with a large context."""
    kinds = [block["type"] for _, block in sent.blocks]
    images, documents = kinds.count("image"), kinds.count("document")
    most = 100 if sent.model.context_tokens <= 200_000 else 600
    if images + documents > most:
        raise invalid(f"too many images and documents: {images} + {documents} > {most}")


def documents_are_documents(sent: Sent) -> None:
    """PDFs are valid, and all documents have citations enabled, or none."""
    documents = [(p, b) for p, b in sent.blocks if b["type"] == "document"]
    for path, block in documents:
        source = block["source"]
        if source["type"] == "base64":
            data = _decoded(source["data"])
            if data is None:
                raise invalid(f"{path}.document.source.base64.data: Invalid base64 data")
            if not data.startswith(b"%PDF-"):
                raise invalid(f"{path}.pdf.source.base64.data: The PDF specified was not valid.")
        for name, most in (("title", 500), ("context", math.inf)):
            if (text := block.get(name)) is not None and not 1 <= len(text) <= most:
                much = f"at most {most} characters" if text else "at least 1 character"
                raise invalid(f"{path}.document.{name}: String should have {much}")
    found = [(p, b) for p, b in sent.blocks if b["type"] == "search_result"]
    if len(_cited(found)) > 1:
        raise invalid("messages: citations must be enabled on all search results or none")
    cited = _cited(documents)
    if len(cited) > 1:
        raise invalid("messages: citations must be enabled on all documents or none")
    if True in cited and sent.output_schema is not None:
        raise invalid("output_config.format: structured outputs cannot be used with citations")


def _cited(blocks: list[Placed]) -> set[bool]:
    return {bool((block.get("citations") or {}).get("enabled")) for _, block in blocks}


def files_are_known(sent: Sent) -> None:
    """Files are unknown, as none can be uploaded here: 404 `not_found_error`."""
    for _, block in sent.blocks:
        source = block.get("source")
        if isinstance(source, dict) and source.get("type") == "file":
            raise ApiError(404, f"File not found: {source['file_id']}")


def citations_stay_with_the_assistant(sent: Sent) -> None:
    """Since 2026-10-21, only the assistant's text carries citations."""
    for turn in sent.turns:
        for path, block in turn.of_type("text"):
            if block.get("citations") and turn.role == "user" and sent.version >= NEWEST_VERSION:
                raise invalid(f"{path}.text.citations: Extra inputs are not permitted")


def _decoded(data: str) -> bytes | None:
    """The bytes of base64 with its padding; None when it is invalid."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def _inspected(data: bytes) -> tuple[str, int] | None:
    """An image's media type and its longer side in pixels; None when the API can't read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its size is a rule of its own
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                return f"image/{str(image.format).lower()}", max(image.size)
    except Exception:  # a damaged file can make Pillow raise almost anything
        return None
