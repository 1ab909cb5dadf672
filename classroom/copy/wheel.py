"""The offline Claude and the bookshop as one wheel, which the tests of a project install."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

_NAME = f"agentkit_stand_ins-{version('agentkit')}"
WHEEL = f"{_NAME}-py3-none-any.whl"
"""The wheel's file name."""

_PARTS = (
    "LICENSE",
    "offline_claude",
    "classroom/__init__.py",
    "classroom/py.typed",
    "classroom/machine/__init__.py",
    "classroom/machine/home.py",
    "classroom/machine/waiting.py",
    "classroom/shop",
    "classroom/show/pending.py",
)
_METADATA = f"""\
Metadata-Version: 2.4
Name: agentkit-stand-ins
Version: {version("agentkit")}
Summary: A stand-in for Claude and a bookshop, for tests; they need agentkit beside them.
License-Expression: MIT
Requires-Python: >=3.11
"""


def build_wheel() -> bytes:
    """Build the wheel from the checkout. The same files always give the same bytes.

    Written here and not by setuptools, which takes seconds and leaves files in the checkout.
    """
    info = f"{_NAME}.dist-info"
    files = {str(file.relative_to(CHECKOUT)): file.read_bytes() for file in _sources()}
    files[f"{info}/licenses/LICENSE"] = files.pop("LICENSE")
    files[f"{info}/METADATA"] = (_METADATA + _requirements()).encode()
    files[f"{info}/sboms/cyclonedx.json"] = _bill_of_materials().encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # dated 1 January 1980, as it is given no date
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _sources() -> Iterator[Path]:
    for path in map(CHECKOUT.joinpath, _PARTS):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def _bill_of_materials() -> str:
    """List what the wheel was tried with, as CycloneDX in its place in a wheel (PEP 770)."""
    pins = re.findall(r"^([^=\s]+)==(\S+)", _lock("stand-ins.txt"), re.MULTILINE)
    components = [
        {"type": "library", "name": n, "version": v, "purl": f"pkg:pypi/{n}@{v}"} for n, v in pins
    ]
    wheel = {"type": "library", "name": "agentkit-stand-ins", "version": version("agentkit")}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    return json.dumps({**bill, "metadata": {"component": wheel}, "components": components})


def _requirements() -> str:
    lines = _lock("stand-ins.in").splitlines()
    return "".join(f"Requires-Dist: {line}\n" for line in lines if not line.startswith("#"))


def _lock(name: str) -> str:
    return Path(__file__).with_name("locks").joinpath(name).read_text("utf8")


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"
