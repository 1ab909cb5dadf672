"""The conversation: what the user asks now, what was asked and done before, what is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from offline_claude.mind.json_schema import Spec
from offline_claude.mind.words import name_words, pattern, plain_name, word_list
from offline_claude.request import Block, Message, Sent, blocks_of, question_index, text_of

SHOP_TOOLS = word_list("shop_tools")
ToolUse = tuple[str, dict[str, Any]]  # a tool's name and the arguments to call it with
# Tools used for one question, after which the mind only answers: nothing goes on forever.
MOST_RUNS = 60
_LONGEST = 100_000
_MOST_PAIRS = 20_000
_NOTICE = re.compile(r"<(\w+-[\w-]{1,60})>")


def known_as(name: str) -> str:
    """Name a tool as the shop does, also where a client puts a server's name before it."""
    return plain if (plain := plain_name(name)) in SHOP_TOOLS else name


def once(found: list[Any]) -> list[Any]:
    """Leave out what comes a second time."""
    return list({repr(each): each for each in found}.values())


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Go through a result read as JSON: every key with its value, the outer ones first."""
    waiting, seen = [value], 0
    while waiting and seen < _MOST_PAIRS:
        inner = waiting.pop()
        if isinstance(inner, dict):
            yield from inner.items()
            waiting += reversed(inner.values())
        elif isinstance(inner, list):
            waiting += reversed(inner)
        seen += len(inner) if isinstance(inner, dict | list) else 0


def dig(value: Any, *keys: str) -> Any:
    """Find a text or a number by its key, the best key first; a key that contains one will do."""
    every = [(k.lower(), v) for k, v in pairs(value) if isinstance(v, str | int | float)]
    tests = [(wanted, match) for wanted in keys for match in (str.__eq__, str.__contains__)]
    return next((v for wanted, match in tests for k, v in every if match(k, wanted)), None)


@dataclass(frozen=True)
class ToolRun:
    """One tool that was asked for, with its result as text, and read as JSON if it is JSON."""

    name: str
    input: dict[str, Any]
    text: str
    is_error: bool = False
    value: Any = None

    @property
    def failed(self) -> bool:
        """Whether it failed, also where only its text says so."""
        if self.is_error or (isinstance(self.value, dict) and self.value.get("error")):
            return True
        return self.value is None and bool(pattern("failed").match(self.text[:40]))

    @property
    def unsettled(self) -> bool:
        """Whether only a person can find out if it did what it was asked for."""
        return self.failed and bool(pattern("unsettled").search(self.text[:2000]))


def _tool_runs(messages: list[Message]) -> list[ToolRun]:
    """Pair the tools asked for with their results, in the order asked."""
    results = {r.get("tool_use_id"): r for m in messages for r in m.of_type("tool_result")}
    runs = []
    for call in (c for m in messages for c in m.of_type("tool_use") if c["id"] in results):
        result = results[call["id"]]
        text = "\n".join(_text(b) or f"({b['type']})" for b in blocks_of(result.get("content")))
        is_error, value = bool(result.get("is_error")), None
        with suppress(ValueError, RecursionError):
            value = None if is_error else json.loads(text)
        runs.append(ToolRun(known_as(call["name"]), call["input"], text, is_error, value))
    return runs


def is_tool_search(name: str) -> bool:
    """Tell whether a tool only looks for tools that a client hasn't loaded, as ToolSearch."""
    return {*name_words(name)} == {"tool", "search"}


def _text(block: Block) -> str:
    """The text of a block; "" for what can't be read here, such as an image or a PDF."""
    if block["type"] == "text":
        return str(block.get("text", ""))
    if block["type"] == "search_result":
        return f"{block['title']} ({block['source']}):\n{text_of(block.get('content'))}"
    source = block.get("source") if block["type"] == "document" else None
    if not isinstance(source, dict):
        return ""
    return str(source["data"]) if source["type"] == "text" else text_of(source.get("content"))


def _words(message: Message) -> str:
    """A user's own words, without notices that a client adds, such as a <system-reminder>."""
    text, kept, at = message.text[:_LONGEST], [], 0
    for m in _NOTICE.finditer(text):
        if m.start() < at:
            continue
        if (end := text.find(f"</{m[1]}>", m.end())) < 0:
            break
        kept.append(text[at : m.start()])
        at = end + len(m[1]) + 3
    return "".join([*kept, text[at:]])


@dataclass(frozen=True)
class Conversation:
    """Everything said and done so far."""

    sent: Sent
    question: str  # being worked on; a short follow-up is read with the question before it
    focus: str  # the user's last words alone
    documents: list[str]  # that the user sent, oldest first
    unseen: list[str]  # what the question holds that can't be read here, such as "image"
    earlier: list[str]  # what the user wrote before, oldest first
    last_reply: str  # what the assistant said last, before the question
    begun: Message | None  # the reply that is to be continued, if one is
    asked_to_go_on: bool  # whether the user asks for more of that reply
    searched: bool  # whether a tool that looks for other tools was used for this question
    runs: list[ToolRun]  # the tools used for this question, with their results
    earlier_runs: list[ToolRun]  # the tools used before

    @classmethod
    def read(cls, sent: Sent) -> Self:
        """Read the conversation from a request that passed every rule."""
        messages = _without_interruptions(sent.said)
        at = _question_index(messages)
        before, after = messages[:at], messages[at:]
        earlier = [w for m in before if m.role == "user" and (w := _words(m)).strip()]
        # What a user adds beside tool results belongs to the question as well.
        now = [w for m in after if m.role == "user" and (w := _words(m)).strip()]
        question = focus = "\n".join(now)[:_LONGEST]
        replies = [m.text for m in before if m.role == "assistant" and m.text]
        asked_back = bool(before) and before[-1].text.rstrip().endswith("?")
        if earlier and len(focus.split()) <= 8 and (asked_back or pattern("ellipsis").match(focus)):
            whole = [t for t in earlier if len(t.split()) > 8 or not pattern("follows").match(t)]
            question = f"{[*earlier[-1:], *whole][-1]}\n{focus}"
        beside = [b for m in messages if m.role == "user" for b in m.blocks if "source" in b]
        used = _tool_runs(after)
        unseen = [b for m in after[:1] for b in m.blocks if "source" in b and not _text(b)]
        return cls(
            sent=sent,
            question=question,
            focus=focus,
            documents=[text for b in beside if (text := _text(b))],
            unseen=list(dict.fromkeys(str(b["type"]) for b in unseen)),
            earlier=earlier,
            last_reply=replies[-1] if replies else "",
            begun=messages[-1] if messages[-1].role == "assistant" else None,
            asked_to_go_on=sent.said[-1].role == "user",
            searched=any(is_tool_search(run.name) for run in used),
            runs=[run for run in used if not is_tool_search(run.name)],
            earlier_runs=_tool_runs(before),
        )

    @cached_property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The client tools on offer, by `known_as`; none when `tool_choice` says so."""
        choice, offered = self.sent.tool_choice, [tool for _, tool in self.sent.own_tools]
        offered.sort(key=lambda tool: tool["name"] == choice.get("name"))  # of two alike, that one
        return {known_as(t["name"]): t for t in offered if choice["type"] != "none"}

    def spec(self, tool: str) -> Spec:
        """Read a tool's input schema."""
        return Spec(self.tools.get(tool, {}).get("input_schema", {}))

    @cached_property
    def is_desk(self) -> bool:
        """Whether the shop's tools are here: one of their names alone may be anybody's."""
        shop = SHOP_TOOLS & {*self.tools, *(r.name for r in self.runs)}
        return len(shop) > 1 or bool(shop - {"send_email", "refund", "check_stock"})

    @cached_property
    def own(self) -> list[str]:
        """The names of the learner's own tools."""
        return [n for n in self.tools if not (self.is_desk and n in SHOP_TOOLS)]

    @cached_property
    def refers_back(self) -> bool:
        """Whether the question leaves out what was said before."""
        follows = self.focus != self.question or pattern("refers_back").search(self.focus[:2000])
        return bool(self.earlier and follows)

    def facts(self, without: str = "") -> dict[str, Any]:
        """List values that tools returned, by name; for this question not those of one tool."""
        facts: dict[str, Any] = {}
        for run in [*self.earlier_runs, *(r for r in self.runs if r.name != without)]:
            about, plain = name_words(run.name)[1:], run.text.strip()
            found = {k: v for k, v in pairs(run.value) if isinstance(v, str | int | float)}
            facts |= found
            if "id" in found:  # in what get_user returns it is a user's id
                facts |= {f"{w.rstrip('s')}_id": found["id"] for w in about}
            if run.value is None and not run.is_error and len(plain) <= 60 and "\n" not in plain:
                facts |= dict.fromkeys([*about, "_".join(about)], plain)
        return facts

    def said_before(self, name: str) -> dict[str, Any]:
        """The arguments that a tool was last given, if the question refers back to that."""
        runs = self.earlier_runs if self.refers_back else []
        return next((run.input for run in reversed(runs) if run.name == name), {})

    def uses(self, name: str) -> list[ToolRun]:
        """The runs of a tool for this question."""
        return [run for run in self.runs if run.name == name]


def _question_index(messages: list[Message]) -> int:
    """The last user message with words of its own; a notice beside tool results has none."""
    at = question_index(messages)
    while at > 0 and messages[at - 1].of_type("tool_result") and not _words(messages[at]).strip():
        at = question_index(messages[:at])
    return at


def _without_interruptions(messages: list[Message]) -> list[Message]:
    """Join a reply that was cut off, "Continue", and the rest of it to the one reply they are."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else Message("", [])
        if last.role == message.role == "assistant":
            joined[-1] = Message("assistant", [*last.blocks, *message.blocks])
            continue
        plain = len(message.of_type("text")) == len(message.blocks) and not last.of_type("tool_use")
        asked = last.text.rstrip().endswith("?")  # "Go on" after "Shall I?" is an answer
        goes_on = plain and not asked and pattern("go_on").fullmatch(message.text[:300])
        if last.role != "assistant" or not goes_on:
            joined.append(message)
    return joined
