"""Facts about each recipe that a copy needs and its files don't state."""

from __future__ import annotations

import re
from dataclasses import dataclass

from classroom.recipes import Recipe

_REFUND = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


@dataclass(frozen=True)
class Entry:
    """One recipe.

    Attributes:
        example: The question that `make run` asks.
        ask: Another question, for the README.
        start: The arguments of start.py.
        env: Further lines of .env.example.
        run_note: A paragraph on `make run` for the README.
    """

    example: str = _REFUND
    ask: str = "Where is order 1042?"
    start: str = 'ID "question"'
    env: str = ""
    run_note: str = ""


_REVIEW_NOTE = """
@WAITING@: `make run` shows it and asks you for the decision. From another terminal, a reviewer
lists what waits and decides by the digest shown there:

```sh
.venv/bin/python -m @PACKAGE@.review RUN-ID
.venv/bin/python -m @PACKAGE@.review RUN-ID DIGEST approve ann
```
"""

_APPROVAL_ENV = """
# The file for notices to reviewers.
#APPROVAL_INBOX=approvals.jsonl
# Reviewers' keys, for workers: 32 hexadecimal digits or more each, which this makes:
#   python -c "import secrets; print(secrets.token_hex(32))"
#APPROVAL_KEYS="ann=CHANGE-ME bob=CHANGE-ME-TOO"
# Without keys, anyone who reaches Temporal can approve in any name. A worker then starts only
# if its Temporal is on this machine, or with:
#APPROVAL_TRUST_NAMES=1
# A reviewer's own key, to sign with in a terminal.
#APPROVAL_KEY=
"""

_REPORT_NOTE = """
The report is then a file in `reports/`, and a row in `example.db`.
"""

_TICKETS_NOTE = """
For this recipe a "question" is a number: how many tickets to answer before the agent stops.
"""

CATALOGUE = {
    "approval_gate": Entry(
        example=_REFUND.replace("1042", "1025"),
        env=_APPROVAL_ENV,
        run_note=_REVIEW_NOTE.replace("@WAITING@", "A refund of more than 50 EUR waits"),
    ),
    "durable_loop": Entry(),
    "long_running": Entry(example="4", ask="2", start="ID [TICKETS]", run_note=_TICKETS_NOTE),
    "parallel_tools": Entry("Orders 1032, 1033 and 1042 arrived damaged. Please refund all three."),
    "research_agent": Entry(
        example="Are cancelled orders refunded as promised?",
        ask="What may be returned?",
        env=_APPROVAL_ENV + "# The folder for reports.\n#RESEARCH_REPORTS=reports\n",
        run_note=_REVIEW_NOTE.replace("@WAITING@", "A draft that has passed the check waits")
        + _REPORT_NOTE,
    ),
    "structured_retries": Entry(start='ID "question" [USD]'),
    "versioned_prompts": Entry(),
}


def change_first(recipe: Recipe) -> str:
    """Read from a recipe's README what to change first: the rest of the sentence, with its stop."""
    text = (recipe.folder / "README.md").read_text("utf8")
    found = re.search(r"\*\*Change first:\*\* (.+?)\s*(?:\n\n|\Z)", text, re.DOTALL)
    if found is None:
        raise LookupError(f"The README of {recipe.name} doesn't say what to change first.")
    return " ".join(found[1].split())
