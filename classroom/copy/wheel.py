"""The offline Claude and the bookshop as one wheel, which the tests of a project install."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

_PARTS = (
    "offline_claude",
    "classroom/__init__.py",
    "classroom/machine/__init__.py",
    "classroom/machine/home.py",
    "classroom/py.typed",
    "classroom/shop",
    "classroom/show/pending.py",
)
_NEEDS = Path(__file__).with_name("locks") / "stand-ins.in"


def wheel_name() -> str:
    """Name the wheel's file."""
    return f"agentkit_stand_ins-{version('agentkit')}-py3-none-any.whl"


def build_wheel() -> bytes:
    """Build the wheel from the checkout. The same files always give the same bytes.

    Written here and not by setuptools: that takes seconds, and a copy of its own of the checkout.
    """
    info = f"agentkit_stand_ins-{version('agentkit')}.dist-info"
    files = {str(file.relative_to(CHECKOUT)): file.read_bytes() for file in _sources()}
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/licenses/LICENSE"] = (CHECKOUT / "LICENSE").read_bytes()
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            # Without a date of its own an entry gets the format's first day, 1 January 1980.
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data)
    return packed.getvalue()


def _sources() -> Iterator[Path]:
    for part in _PARTS:
        path = CHECKOUT / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def _metadata() -> str:
    needs = [line for line in _NEEDS.read_text().splitlines() if not line.startswith("#")]
    return "\n".join(
        [
            "Metadata-Version: 2.4",
            "Name: agentkit-stand-ins",
            f"Version: {version('agentkit')}",
            "Summary: A stand-in for Claude and a bookshop, for tests; needs agentkit beside it.",
            "License-Expression: MIT",
            "Requires-Python: >=3.11",
            *(f"Requires-Dist: {name}" for name in needs),
            "",
        ]
    )


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"
