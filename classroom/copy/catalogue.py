"""What is known of each recipe beyond its files: what a copy asks, says and tries first."""

from __future__ import annotations

from dataclasses import dataclass

_REFUND = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


@dataclass(frozen=True)
class Entry:
    """One recipe.

    Attributes:
        change_first: What you'd change first, as the end of a sentence.
        tools: The template of its example tools, a file in project/tools/.
        example: What a copy is asked when it is tried.
        ask: Another question, for its README.
        start: What start.py takes.
        reviewed: Whether people decide something in its runs.
        env: Further lines of .env.example.
        run_note: A paragraph on `make run` for the README.
    """

    change_first: str
    tools: str = "desk"
    example: str = _REFUND
    ask: str = "Where is order 1042?"
    start: str = 'ID "question"'
    reviewed: bool = False
    env: str = ""
    run_note: str = ""


_REVIEW_NOTE = """
A refund of more than 50 EUR waits for a reviewer: `make run` shows it and asks you. From another
terminal, a reviewer lists what waits and decides by the digest that was shown:

```sh
.venv/bin/python -m @PACKAGE@.review RUN-ID
.venv/bin/python -m @PACKAGE@.review RUN-ID DIGEST approve ann
```
"""

_APPROVAL_ENV = """
# Where notices to reviewers go.
#APPROVAL_INBOX=approvals.jsonl
# Reviewers' keys, for workers: without them whoever reaches Temporal can approve in any name.
#APPROVAL_KEYS="ann=CHANGE-ME bob=CHANGE-ME-TOO"
# A reviewer's own key, to sign with in a terminal.
#APPROVAL_KEY=
"""

_SUPERVISOR_NOTE = """
A draft that has passed the check waits for a supervisor: `make run` shows it and asks you. From
another terminal, a supervisor reads what waits and decides by the digest that was shown:

```sh
.venv/bin/python -m @PACKAGE@.review RUN-ID
.venv/bin/python -m @PACKAGE@.review RUN-ID DIGEST approve ann
```

The report is then a file in `reports/`, and a row in `example.db`.
"""

_TICKETS_NOTE = """
For this recipe a "question" is a number: how many tickets to answer before the agent stops.
"""

CATALOGUE = {
    "approval_gate": Entry(
        "tools.py, and in policy.py which calls wait for whom, and for how long",
        example=_REFUND.replace("1042", "1025"),
        reviewed=True,
        env=_APPROVAL_ENV,
        run_note=_REVIEW_NOTE,
    ),
    "durable_loop": Entry("tools.py, and SYSTEM in activities.py"),
    "long_running": Entry(
        "the queue in tools.py, and Budget in state.py for what all runs may cost together",
        tools="queue",
        example="4",
        ask="2",
        start="ID [TICKETS]",
        run_note=_TICKETS_NOTE,
    ),
    "parallel_tools": Entry(
        "tools.py: what each tool declares decides what a crash does to it",
        tools="parallel",
        example="Orders 1032, 1033 and 1042 arrived damaged. Please refund all three.",
    ),
    "research_agent": Entry(
        "the searches in tools.py, and in policy.py what a draft must hold",
        tools="research",
        example="Are cancelled orders refunded as promised?",
        ask="What may be returned?",
        reviewed=True,
        env=_APPROVAL_ENV + "# Where reports go.\n#EXAMPLE_REPORTS=reports\n",
        run_note=_SUPERVISOR_NOTE,
    ),
    "structured_retries": Entry(
        "tools.py, RETRIES in activities.py and the Budget in start.py",
        start='ID "question" [USD]',
    ),
    "versioned_prompts": Entry("tools.py and prompt.md: runs in flight keep what they began with"),
}
