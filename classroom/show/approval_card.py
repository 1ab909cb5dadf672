"""A card for one decision: the request, the time left, and two buttons.

The buttons send the same Update as `agentkit.approvals.decide` in a plain cell.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any, Literal

import ipywidgets
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from agentkit.approvals import (
    AuditEntry,
    Decision,
    DecisionRefused,
    decide,
    pending_approvals,
    sign,
)
from agentkit.approvals.client import read_audit
from agentkit.approvals.requests import Pending, digest_of
from agentkit.messages import printable
from classroom.show.markup import Html, markup

_LOOK_AGAIN = 2.0
"""Seconds between two checks whether another reviewer has decided."""

_MOST_CHARACTERS, _MOST_WORDS = 10_000, 300
"""How much of the arguments a card shows, and how much of what others say about them."""

_WIDE = ipywidgets.Layout(width="100%")
_ROW = (
    "<tr><th scope='row' style='text-align:left;vertical-align:top;padding-right:12px'>{}</th>"
    # The line at the left shows where a value goes on.
    "<td style='text-align:left;white-space:pre-wrap;overflow-wrap:anywhere;"
    "border-left:3px solid #d0d7de;padding-left:8px'>{}</td></tr>"
)
_REST = "<div><i>… {} more characters: press Edit arguments to see them.</i></div>"
_SAID = {
    "approved": ("✔", "#1a7f37", "Approved"),
    "rejected": ("✘", "#cf222e", "Rejected"),
    "expired": ("⌛", "#9a6700", "Expired"),
    "withdrawn": ("⌛", "#9a6700", "Withdrawn"),
}


class ApprovalCard(ipywidgets.VBox):  # type: ignore[misc]
    """One pending request with its arguments, the time left, and buttons to decide.

    Args:
        run: The run that waits.
        waiting: The request, from `pending_approvals`.
        reviewer: Name of the reviewer who uses this card.
        key: The reviewer's key, if decisions are signed; it stays in this process.

    Raises:
        ValueError: The request's digest doesn't match what the card would show.
    """

    _watching: asyncio.Task[None] | None = None  # a card that is refused has none

    def __init__(
        self,
        run: WorkflowHandle[Any, Any],
        waiting: Pending,
        *,
        reviewer: str,
        key: bytes | None = None,
    ) -> None:
        self.run, self.request = run, waiting.request
        if digest_of(self.request) != self.request.digest:
            raise ValueError("The digest doesn't fit what would be shown: ask the run again.")
        self.reviewer, self._key = reviewer, key
        self._expires = time.monotonic() + waiting.remaining_seconds
        self._sending: asyncio.Task[None] | None = None
        self._over = False

        self.countdown, self.status = ipywidgets.HTML(), ipywidgets.HTML()
        self.reason = ipywidgets.Text(
            description="Reason", placeholder="Claude reads it if you reject", layout=_WIDE
        )
        self.edit = ipywidgets.Button(description="Edit arguments", icon="pencil")
        self.editing = False
        as_json = json.dumps(self.request.arguments, indent=2, ensure_ascii=False)
        self._as_asked = printable(as_json, newlines=True)  # and the same JSON
        self.arguments = ipywidgets.Textarea(
            self._as_asked,
            description="JSON",
            rows=min(2 + len(self.request.arguments), 20),
            layout=ipywidgets.Layout(width="100%", display="none"),
        )
        self.problem = ipywidgets.HTML()
        self.approve = self._button("Approve", "check", "success", "approve")
        self.reject = self._button("Reject", "times", "danger", "reject")
        self.edit.on_click(self._edit_pressed)
        self.arguments.observe(self._typed, "value")
        super().__init__(
            [
                ipywidgets.HTML(self._what()),
                self.countdown,
                self.reason,
                self.edit,
                self.arguments,
                self.problem,
                ipywidgets.HBox([self.approve, self.reject]),
                self.status,
            ],
            layout=ipywidgets.Layout(
                border="1px solid #8c959f", padding="8px 12px", max_width="640px"
            ),
        )
        self._say("", "#57606a", f"Nobody has decided yet. You decide as {reviewer}.")
        self._count_down()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.request.arguments.items())
        shown = f"{self.request.tool}({arguments:.{_MOST_CHARACTERS}})"
        return printable(f"<approval card: {shown}, {self.request.why}>")

    @property
    def message(self) -> str:
        """The card's message about the decision, as plain text."""
        return self._message

    async def answered(self) -> str:
        """Wait until the pressed button has taken effect, and return the card's message."""
        if self._sending is not None:
            await self._sending
        return self.message

    def close(self) -> None:
        """Close the card; the request keeps waiting."""
        if self._watching is not None:
            self._watching.cancel()
        super().close()

    def edited(self) -> tuple[dict[str, Any] | None, str]:
        """Read the edited arguments.

        Returns:
            The arguments, or None if they aren't edited; and a problem with them, or "".
        """
        if not self.editing:
            return None, ""
        try:
            found = json.loads(self.arguments.value)
        except ValueError as err:
            return None, f"This is not JSON: {err}."
        if not isinstance(found, dict):
            return None, "The arguments must be an object: {…}."
        names = set(self.request.arguments)
        changes = [f"“{n}” is new" for n in found if n not in names]
        changes += [f"“{n}” is missing" for n in self.request.arguments if n not in found]
        if changes:
            return found, f"Please check: {', '.join(changes)}."
        return found, ""

    def _button(
        self, label: str, icon: str, style: str, answer: Literal["approve", "reject"]
    ) -> ipywidgets.Button:
        what = f"{label} {self.request.tool}, digest {self.request.digest[:12]}"
        button = ipywidgets.Button(
            description=label, tooltip=printable(what), icon=icon, button_style=style
        )

        def press(_: ipywidgets.Button) -> None:
            # Not disabled meanwhile: keyboard users would lose their place.
            if not self._over and (self._sending is None or self._sending.done()):
                self._sending = asyncio.get_running_loop().create_task(self._send(answer))

        button.on_click(press)
        return button

    async def _send(self, answer: Literal["approve", "reject"]) -> None:
        arguments, problem = self.edited() if answer == "approve" else (None, "")
        if problem and arguments is None:
            self._say("⚠", "#9a6700", f"Nothing was sent. {problem}")
            return
        decision = Decision(
            request_id=self.request.id,
            digest=self.request.digest,
            answer=answer,
            reviewer=self.reviewer,
            reason=self.reason.value,
            arguments=arguments,
        )
        self._say("…", "#57606a", "Sent; a worker has to take it.")
        try:
            self._show(await decide(self.run, sign(decision, self._key) if self._key else decision))
        except DecisionRefused as err:
            self._say("⚠", "#9a6700", f"Refused: {err}")
        except RPCError as err:
            self._say("⚠", "#9a6700", f"Not decided: {err.message}.")

    async def _watch(self) -> None:
        """Count down, and notice decisions made elsewhere."""
        looked = time.monotonic()
        while not self._over:
            self._count_down()
            await asyncio.sleep(0.5)
            idle = self._sending is None or self._sending.done()
            if idle and time.monotonic() - looked > _LOOK_AGAIN:
                # While no worker is up there is no answer, and nothing new to show.
                with suppress(RPCError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._look(), timeout=_LOOK_AGAIN)
                looked = time.monotonic()

    async def _look(self) -> None:
        if any(w.request.id == self.request.id for w in await pending_approvals(self.run)):
            return
        for entry in await read_audit(self.run):
            if entry.request_id == self.request.id and entry.event in _SAID:
                self._show(entry)

    def _show(self, entry: AuditEntry) -> None:
        mark, colour, word = _SAID[entry.event]
        note = f": {entry.note}" if entry.note else ""
        edited = entry.decision is not None and entry.decision.arguments is not None
        self._over = True
        self._say(mark, colour, f"{word} by {entry.by}{note}{', with edits' if edited else ''}.")
        for widget in (self.approve, self.reject, self.edit, self.reason, self.arguments):
            widget.disabled = True
        self.countdown.value = ""

    def _say(self, mark: str, colour: str, text: str) -> None:
        self._message = printable(text)
        self.status.value = markup(
            '<span role="status" aria-live="polite"><b style="color:{}" aria-hidden="true">{}</b> '
            "{}</span>",
            colour,
            mark,
            text,
        )

    def _edit_pressed(self, _: ipywidgets.Button) -> None:
        self.editing = not self.editing
        if not self.editing:
            self.arguments.value = self._as_asked
        self.arguments.layout.display = None if self.editing else "none"
        self.approve.description = "Approve edited" if self.editing else "Approve"
        self.edit.description = "Undo edits" if self.editing else "Edit arguments"
        self._typed(None)

    def _typed(self, _: object) -> None:
        _, problem = self.edited()
        warning = markup('<span role="alert" style="color:#9a6700">⚠ {}</span>', problem)
        self.problem.value = warning if problem else ""

    def _count_down(self) -> None:
        left = max(0, round(self._expires - time.monotonic()))
        hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
        then = "runs anyway" if self.request.terms.on_timeout == "allow" else "is denied"
        self.countdown.value = markup(
            '<span role="timer" aria-label="time left"><b>{}</b> left; then it {}</span>',
            f"{hours}:{minutes:02}:{seconds:02}",
            then,
        )

    def _what(self) -> Html:
        request, rows, left = self.request, [], _MOST_CHARACTERS
        given = {name: _readable(value) for name, value in request.arguments.items()}
        for name, value in given.items():
            if left > 0:
                rows.append(markup(_ROW, name[:left], value[:left]))
            left -= len(name) + len(value)
        rest = markup(_REST, f"{-left:,}") if left < 0 else ""
        return markup(
            "<div style='line-height:1.5'><div role='heading' aria-level='3'>"
            "<b style='font-size:1.15em'>{tool}</b> waits for a decision</div>"
            "<table style='margin:6px 0'>{rows}</table>{rest}"
            "<div>Why: {why}</div><div style='color:#57606a'>Asked by: {asker}</div>"
            "<div style='color:#57606a'>digest {digest}…</div></div>",
            tool=request.tool,
            rows=rows,
            rest=rest,
            why=request.why[:_MOST_WORDS],
            asker=request.asker[:_MOST_WORDS],
            digest=request.digest[:12],
        )


def _readable(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
