"""The conversation: what the user asks now, what was asked and done before, what is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from offline_claude.mind.observations import is_observation, observed
from offline_claude.mind.results import pairs, readable
from offline_claude.mind.utterance import Utterance
from offline_claude.mind.words import name_words
from offline_claude.request import (
    Message,
    MessagesRequest,
    ToolRun,
    question_index,
    tool_runs,
)

SHOP_TOOLS = {
    *("find_order", "find_orders_of_customer", "track_shipment", "search_handbook"),
    *("check_stock", "refund", "send_email"),
}
_LONGEST = 100_000
_ELLIPSIS = re.compile(
    r"\s*(?:(?i:(?:ok,? |and |or |also |now |und |et )*(?:what|how) about\b|und was ist mit\b)"
    r"|(?i:and|or|also|und|et|same|now) (?:(?i:in|for|at|on|about|with|from|to|the|of|orders?|by"
    r"|tomorrow|today|yesterday|next|für|pour|à)\b|[A-Z#]|\d))"
)
_REFERS_BACK = re.compile(
    r"\b(?:it|that|this|them|those|again|instead|too|as well|same|there)\b", re.IGNORECASE
)
_COMPLAINT = re.compile(
    r"\bvalidation errors?\b|\bfailed (?:\w+ ){0,3}validation\b|\bfix the (?:errors?|mistakes?)\b"
    r"|\bmust format the previous response\b|\bcorrect (?:your|the) (?:json|output|response)\b"
    r"|\b(?:previous|last) (?:response|answer|output) (?:failed|was not|is not|could not)\b",
    re.IGNORECASE,
)
_YES = re.compile(r"\s*(?:yes|yep|sure|ok(?:ay)?|go ahead|do (?:it|so|that)|ja|oui)\b", re.I)


@dataclass(frozen=True)
class Conversation:
    """What has been said and done.

    Attributes:
        question: The question being worked on. A short answer to something that was asked back,
            or a follow-up such as "And in Rome?", is read together with the question before it.
        focus: The user's last words alone.
        written: The question with the texts that lie beside it: what values are extracted from.
        complaint: What a client says is wrong with the reply before, when that is all it says.
        texts: Documents and tagged texts beside the user's words, oldest first.
        notices: What a client put into the user's messages, such as system reminders.
        unseen: What the last message holds that can't be looked at here, such as "image".
        system: The system prompt.
        earlier: What the user wrote before, oldest first.
        last_reply: What the assistant said last, before the question.
        runs: The tools used for this question, with their results.
        earlier_runs: The tools used before.
        tools: The client tools on offer, by name.
    """

    question: str
    focus: str
    written: str
    complaint: str
    texts: list[str]
    notices: list[str]
    unseen: tuple[str, ...]
    system: str
    earlier: list[str]
    last_reply: str
    runs: list[ToolRun]
    earlier_runs: list[ToolRun]
    tools: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, request: MessagesRequest) -> Self:
        """Read the conversation from a request.

        Args:
            request: A checked request.

        Returns:
            The conversation.
        """
        messages = [readable(m) for m in request.messages]
        tools = {t["name"]: t for t in request.tools} if request.tool_choice != "none" else {}
        at = _question_index(messages)
        before = messages[:at]
        said = [Utterance.read(m) for m in before if m.role == "user"]
        told = [u for u in said if u.words.strip()]
        # What a user adds beside tool results belongs to the question as well.
        added = [m for m in messages[at:] if m.role == "user"]
        now = [Utterance.read(m) for m in added if not is_observation(m.text)]
        focus = "\n".join(u.words for u in now if u.words.strip())[:_LONGEST]
        written = "\n".join(u.written for u in now if u.written)[:_LONGEST]
        last_reply = next(
            (m.text for m in reversed(before) if m.role == "assistant" and m.text), ""
        )
        complaint = ""
        while told and _COMPLAINT.search(written[:4000]):
            # What the complaint quotes of the reply isn't a part of what is wrong with it.
            complaint = complaint or (written.replace(last_reply, "") if last_reply else written)
            focus, written = told[-1].words, told.pop().written
        earlier = [u.words for u in told]
        question = focus
        asked_back = bool(before) and before[-1].text.rstrip().endswith("?")
        short = len(focus.split()) <= 8
        if earlier and short and (asked_back or _ELLIPSIS.match(focus)):
            last = next((t for t in reversed(earlier) if not _is_ellipsis(t)), earlier[-1])
            question = f"{last}\n{focus}"
            written = f"{last}\n{written}"
        return cls(
            question=question,
            focus=focus,
            written=written,
            complaint=complaint,
            texts=[text for u in [*said, *now] for text in u.texts],
            notices=[text for u in [*said, *now] for text in u.notices],
            unseen=now[0].unseen if now else (),
            system=request.system,
            earlier=earlier,
            last_reply=last_reply,
            runs=tool_runs(messages[at:]) + observed(messages[at:], tools),
            earlier_runs=tool_runs(before),
            tools=tools,
        )

    @cached_property
    def is_desk(self) -> bool:
        """Whether the shop's tools are here: one of their names alone may be anybody's."""
        shop = SHOP_TOOLS & {*self.tools, *(r.name for r in self.runs)}
        return len(shop) > 1 or bool(shop - {"send_email", "refund", "check_stock"})

    @cached_property
    def own(self) -> list[str]:
        """The learner's own tools."""
        return [n for n in self.tools if not (self.is_desk and n in SHOP_TOOLS)]

    @cached_property
    def refers_back(self) -> bool:
        """The question leaves out what was said before."""
        return bool(self.earlier) and (
            self.focus != self.question or bool(_REFERS_BACK.search(self.focus[:2000]))
        )

    def facts(self, without: str = "") -> dict[str, Any]:
        """Values that tools returned, by their names in the results.

        Args:
            without: A tool whose results for this question don't count.

        Returns:
            The values; what was found last wins.
        """
        facts: dict[str, Any] = {}
        for run in [*self.earlier_runs, *self.runs]:
            if run.name == without and run in self.runs:
                continue
            found = {k: v for k, v in pairs(run.value) if isinstance(v, str | int | float)}
            facts |= found
            # "id" in what get_user returns is a user's id.
            if "id" in found:
                facts |= {f"{w}_id": found["id"] for w in name_words(run.name)[1:]}
                facts |= {f"{w.rstrip('s')}_id": found["id"] for w in name_words(run.name)[1:]}
            plain = run.text.strip()
            if (
                run.value is None
                and not run.is_error
                and 0 < len(plain) <= 60
                and "\n" not in plain
            ):
                facts |= dict.fromkeys(name_words(run.name)[1:], plain)
        return facts

    def said_before(self, name: str) -> dict[str, Any]:
        """The arguments that a tool was last given, if the question refers back to that.

        Args:
            name: The tool.

        Returns:
            Its arguments; empty when the question stands for itself.
        """
        if self.refers_back:
            for run in reversed(self.earlier_runs):
                if run.name == name:
                    return run.input
        return {}


def _question_index(messages: list[Message]) -> int:
    """The question being worked on; a notice or a result told in words isn't a new one."""
    at = question_index(messages)
    while at > 0:
        results = messages[at - 1].of_type("tool_result")
        observation = is_observation(messages[at].text)
        if not observation and not (results and not Utterance.read(messages[at]).words.strip()):
            break
        at = question_index(messages[:at])
    return at


def _is_ellipsis(text: str) -> bool:
    return len(text.split()) <= 8 and bool(_ELLIPSIS.match(text) or _YES.match(text))
