"""Storing a report once: a file and a row, whatever dies in between."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from agentkit import once
from recipes.research_agent.markdown import to_markdown
from recipes.research_agent.report import Report


def publish(report: Report, folder: Path, db: sqlite3.Connection) -> str:
    """Store a report, once for each `idempotency_key()`, and say under which name.

    The file is named by what it says. So when a worker dies after the file and before the
    commit, the next attempt writes that file over, and there is still one of each.
    """
    text, cost = to_markdown(report), report.cost
    digest = hashlib.sha256(text.encode()).hexdigest()
    file = folder / f"report-{digest[:12]}.md"
    name = f"{folder.name}/{file.name}"

    def store() -> dict[str, Any]:
        db.execute(
            "insert into reports (title, file, sha256, turns, tokens, usd)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                *(report.title, name, digest, cost.turns),
                cost.input_tokens + cost.output_tokens,
                None if cost.unpriced else cost.usd,
            ),
        )
        write_whole(file, text)  # before the row is committed: no row is without its file
        return {"file": name}

    return f"Published as {once(db, store)['file']}"


def write_whole(file: Path, text: str) -> None:
    """Write a file so that whoever looks finds all of it or none of it, also after a crash."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".part")
    with draft.open("w", encoding="utf8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
