"""A long conversation without a server: the real steps of both sides, and a Claude by dice."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter
from temporalio.exceptions import ActivityError, ApplicationError

from agentkit.messages import ClaudeReply, ClaudeRequest, PinnedPrompt, Usage
from agentkit.transcript import LongConversation, Window, activities, conversation
from agentkit.transcript.chain import opened, read_link, size_of, walk
from agentkit.transcript.inbox import Kept, is_long
from agentkit.transcript.summary import SYSTEM
from tests.support.chats import Message, faults

_STATE = TypeAdapter(LongConversation)


class Memory:
    """A store for properties that are tried hundreds of times."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def put(self, text: str) -> str:
        reference = f"sha256:{len(self.texts):064}"
        self.texts[reference] = text
        return reference

    def get(self, reference: str) -> str:
        return self.texts[reference]


@dataclass
class Endless:
    """Carries on a conversation of any shape, and notes what Claude is sent.

    Its first call has a word in it, PROMISE-7, that all notes must carry on.
    """

    dice: random.Random
    window: Window
    writes: str = "brief"
    kinds: tuple[str, ...] = ("text", "tools", "tools", "tools", "pause", "long")
    sizes: tuple[int, ...] = (1, 40, 40, 400, 400, 4_000, 30_000, 200_000)
    store: Memory = field(default_factory=Memory)
    requests: list[int] = field(default_factory=list)
    summaries: list[int] = field(default_factory=list)
    states: list[int] = field(default_factory=list)
    known: dict[str | None, list[Message]] = field(default_factory=dict)
    count: int = 0
    calls: int = 0
    attempt: int = 1
    meanwhile: str = ""

    def __post_init__(self) -> None:
        self.talk = LongConversation(PinnedPrompt("any", "sha256:any"), self.window, among="")

    @contextmanager
    def patched(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conversation, "_execute", self.execute)
            patch.setattr(activities, "load_prompt", lambda *_: None)
            patch.setattr(activities, "call_with", self.call)
            patch.setattr("asyncio.to_thread", self.at_once)
            patch.setattr("temporalio.activity.info", lambda: self)
            yield

    async def at_once(self, call: Any, *args: Any) -> Any:
        return call(*args)

    async def execute(self, name: str, turn: Any, result: Any, options: Any) -> Any:
        """As the Worker does: with a second attempt, and a failure after that."""
        step: Any = {"take_turn": activities._take_turn, "condense": activities._condense}[name]
        for self.attempt in (1, 2):
            try:
                return await step(self.store, turn)
            except ApplicationError as err:
                last = err
        raise ActivityError(
            str(last),
            scheduled_event_id=0,
            started_event_id=0,
            identity="",
            activity_type=name,
            activity_id="",
            retry_state=None,
        ) from last

    async def call(self, prompt: Any, request: ClaudeRequest) -> ClaudeReply:
        messages: Any = request.messages
        assert faults(messages) == []
        if request.system != SYSTEM:
            self.requests.append(sum(map(size_of, messages)))
            self.check_nothing_is_missing(messages)
        if self.meanwhile:
            assert self.talk.say(self.meanwhile)
            self.meanwhile = ""
        if request.system == SYSTEM:
            self.summaries.append(sum(map(size_of, messages)))
            text = self.summary(str(messages[0]["content"]))
            return self.reply([{"type": "text", "text": text}] if text else [], "end_turn")
        return self.next_reply()

    def summary(self, text: str) -> str:
        if self.writes == "nothing":
            return ""
        known = list(dict.fromkeys(re.findall(r"PROMISE-\d+", text)))
        padding = {"brief": 0, "verbose": 50_000, "mixed": self.dice.choice([0, 300, 9_000])}
        return f"{' '.join(known)} noted. " + "blah " * (padding[self.writes] // 5)

    def next_reply(self) -> ClaudeReply:
        kind = self.dice.choice(self.kinds)
        if len(self.requests) == 1:
            call = self.call_block()
            return self.reply([{**call, "input": {"refund": "PROMISE-7"}}], "tool_use")
        if kind == "tools":
            calls = [self.call_block() for _ in range(self.dice.randint(1, 3))]
            return self.reply(calls, "tool_use")
        stop = {"text": "end_turn", "pause": "pause_turn", "long": "max_tokens"}[kind]
        return self.reply([{"type": "text", "text": self.words()}], stop)

    def call_block(self) -> Message:
        self.calls += 1
        arguments = {"order": self.words(), "copies": [self.words()] * self.dice.choice([0, 0, 3])}
        return {"type": "tool_use", "id": self.tag(), "name": "find", "input": arguments}

    def reply(self, content: list[Message], stop: str) -> ClaudeReply:
        return ClaudeReply(content, stop, Usage(1, 1), "claude-any")  # type: ignore[arg-type]

    def tag(self) -> str:
        """A name for something said, by which it is found again."""
        self.count += 1
        return f"<{self.count}>"

    def words(self) -> str:
        size = self.dice.choice(self.sizes)
        return self.tag() + self.dice.choice(["x", "é", '"', "\n"]) * self.dice.randint(1, size)

    def check_nothing_is_missing(self, messages: list[Message]) -> None:
        """Every message is covered by the newest summary, or shown at least in part."""
        turn_new: Any = self.talk.new
        said = [opened(self.store, each) for each in [*self.all_messages(), *turn_new]]
        noted = read_link(self.store, self.talk.head).newest_summary if self.talk.head else None
        covers = read_link(self.store, noted).covers if noted else 0
        shown = "".join(map(str, messages))
        for message in [said[0], *said[covers:]]:
            (tag, *_) = re.findall(r"<\d+>|Go on|Your answer was cut", str(message))
            assert tag in shown, f"{tag} is neither noted nor shown"

    def all_messages(self) -> list[Message]:
        newer: list[Message] = []
        head = self.talk.head
        while head not in self.known and head is not None:
            link = read_link(self.store, head)
            newer[:0] = link.messages
            head = link.previous
        self.known = {self.talk.head: [*self.known.get(head, []), *newer]}
        return self.known[self.talk.head]

    async def go_on(self, turns: int) -> None:
        """Take so many turns, and note how large the state is after each."""
        with self.patched():
            while len(self.requests) < turns:
                if self.talk.calls:
                    self.talk.add_results([self.result(each.id) for each in self.talk.calls])
                elif not self.talk.has_more_to_say:
                    for _ in range(self.dice.choice([1, 1, 1, 2, 5])):
                        words = self.words()
                        kept = Kept(self.store.put(words)) if is_long(words) else words
                        assert self.talk.say(kept)
                await self.talk.take_turn()
                self.states.append(len(_STATE.dump_json(self.talk)))

    def result(self, id: str) -> Any:
        kept = {"kept": self.store.put(self.words()), "characters": 9, "preview": "…"}
        return {"type": "tool_result", "tool_use_id": id, "content": kept}

    def notes(self) -> list[str]:
        return [link.summary for link in walk(self.store, self.talk.head) if link.summary][::-1]
