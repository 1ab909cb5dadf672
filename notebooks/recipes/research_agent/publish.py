"""Publishing a report: one file and one row, even if a worker dies in between."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from agentkit import once
from recipes.research_agent.report import Report, to_markdown


def publish(report: Report, folder: Path, db: sqlite3.Connection) -> str:
    """Store a report, once for each `idempotency_key()`, and return its file's name in words.

    The file's name is a digest of its text. If a worker dies after writing the file and before
    the commit, the next attempt writes the same file again: there is still one of each.
    """
    text, cost = to_markdown(report), report.cost
    digest = hashlib.sha256(text.encode()).hexdigest()
    file = folder / f"report-{digest[:12]}.md"
    row = {
        "title": report.title,
        "file": f"{folder.name}/{file.name}",
        "sha256": digest,
        "turns": cost.turns,
        "tokens": cost.input_tokens + cost.output_tokens,
        "usd": None if cost.unpriced else cost.usd,
    }

    def store() -> dict[str, Any]:
        db.execute(
            "insert into reports (title, file, sha256, turns, tokens, usd)"
            " values (:title, :file, :sha256, :turns, :tokens, :usd)",
            row,
        )
        write_whole(file, text)  # before the row is committed: no row without its file
        return {"file": row["file"]}

    return f"Published as {once(db, store)['file']}"


def write_whole(file: Path, text: str) -> None:
    """Write a file so that a reader finds all of it or nothing, even after a crash."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".part")
    with draft.open("w", encoding="utf8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
