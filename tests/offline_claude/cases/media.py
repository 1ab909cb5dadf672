"""Images, documents, files and citations."""

from __future__ import annotations

import base64

from tests.offline_claude.cases.parts import (
    CITED,
    HIT,
    LARGE,
    OLD,
    PDF,
    PNG,
    TEXT,
    image,
    picture,
    refused,
)
from tests.support.offline_server import user

CASES = [
    refused(
        "urls_are_secure",
        "Only HTTPS URLs are supported.",
        messages=[user({"type": "image", "source": {"type": "url", "url": "http://a.org"}})],
    ),
    refused(
        "urls_are_secure",
        "Only HTTPS URLs are supported.",
        messages=[user({"type": "document", "source": {"type": "url", "url": "http://a.org"}})],
    ),
    refused(
        "images_are_images",
        "messages.0.content.0.image.source.base64.data: Invalid base64 data",
        messages=[user({**image(b""), "source": {**image(b"")["source"], "data": "%"}})],
    ),
    refused(
        "images_are_images", "Could not process image", messages=[user(image(b"no image at all"))]
    ),
    refused(
        "images_are_images",
        (
            "messages.0.content.0.image.source.base64: The image was specified using the "
            "image/jpeg media type, but the image appears to be a image/png image"
        ),
        messages=[user(image(PNG, "image/jpeg"))],
    ),
    refused(
        "images_are_images",
        (
            "messages.0.content.0.image.source.base64: image exceeds 10 MB maximum: "
            f"{len(base64.b64encode(LARGE))} bytes > 10485760 bytes"
        ),
        messages=[user(image(LARGE))],
    ),
    refused(
        "images_are_images",
        "messages.0.content.0.image.source.base64: image cannot be empty",
        messages=[user(image(b""))],
    ),
    refused("images_are_images", "Could not process image", messages=[user(image(PNG[:20]))]),
    refused(
        "images_are_images",
        (
            "messages.0.content.0.image.source.base64.data: At least one of the image dimensions "
            "exceed max allowed size for many-image requests: 2000 pixels"
        ),
        messages=[user(*[image(picture("JPEG", (2001, 1)), "image/jpeg")] * 21)],
    ),
    refused(
        "images_are_images",
        "Could not process image",
        messages=[user({**PDF, "source": {"type": "content", "content": [image(b"no image")]}})],
    ),
    refused(
        "images_are_images",
        (
            "messages.0.content.0.image.source.base64.data: At least one of the image dimensions "
            "exceed max allowed size: 8000 pixels"
        ),
        messages=[user(image(picture(size=(8001, 1))))],
    ),
    refused(
        "media_are_few",
        "too many images and documents: 101 + 0 > 100",
        messages=[user(*[image(PNG)] * 101)],
        model=OLD,
    ),
    refused(
        "documents_are_documents",
        "messages.0.content.0.document.title: String should have at least 1 character",
        messages=[user({**PDF, "title": ""})],
    ),
    refused(
        "documents_are_documents",
        "messages.0.content.0.document.title: String should have at most 500 characters",
        messages=[user({**PDF, "title": "t" * 501})],
    ),
    refused(
        "documents_are_documents",
        "messages.0.content.0.document.context: String should have at least 1 character",
        messages=[user({**PDF, "context": ""})],
    ),
    refused(
        "documents_are_documents",
        "messages: citations must be enabled on all search results or none",
        messages=[user({**HIT, **CITED}, HIT)],
    ),
    refused(
        "documents_are_documents",
        "messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.",
        messages=[
            user(
                {
                    "type": "document",
                    "source": {
                        "type": "base64",
                        "media_type": "application/pdf",
                        "data": "bm8=",
                    },
                }
            )
        ],
    ),
    refused(
        "documents_are_documents",
        "messages: citations must be enabled on all documents or none",
        messages=[user(PDF, {**PDF, "citations": {"enabled": True}})],
    ),
    refused(
        "files_are_known",
        "File not found: file_1",
        messages=[user({"type": "image", "source": {"type": "file", "file_id": "file_1"}})],
    ),
    refused(
        "citations_stay_with_the_assistant",
        "messages.0.content.0.text.citations: Extra inputs are not permitted",
        messages=[
            user(
                {
                    **TEXT,
                    "citations": [
                        {
                            "type": "char_location",
                            "cited_text": "x",
                            "document_index": 0,
                            "document_title": None,
                            "start_char_index": 0,
                            "end_char_index": 1,
                        }
                    ],
                }
            )
        ],
    ),
]
