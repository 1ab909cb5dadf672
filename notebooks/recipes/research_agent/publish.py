"""Storing a report once: a file and a row, whatever dies in between."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from agentkit import idempotency_key, once
from recipes.research_agent.markdown import to_markdown
from recipes.research_agent.report import Report


def publish(report: Report, folder: Path, db: sqlite3.Connection) -> str:
    """Store a report, and say where; called again with the same key it says the same.

    The file has its name from the key. So when a worker dies after the file and before the
    commit, the next attempt writes the same file over, and there is still one of each.
    """
    text = to_markdown(report)
    name = hashlib.sha256((idempotency_key() or text).encode()).hexdigest()[:12]
    file = folder.resolve() / f"report-{name}.md"
    cost = report.cost

    def store() -> dict[str, Any]:
        db.execute(
            "insert into reports (title, file, sha256, turns, tokens, usd)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                report.title,
                str(file),
                hashlib.sha256(text.encode()).hexdigest(),
                cost.turns,
                cost.input_tokens + cost.output_tokens,
                None if cost.unpriced else cost.usd,
            ),
        )
        write_whole(file, text)  # inside the transaction: no row without its file
        return {"file": str(file)}

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
