"""The Activities that work on a transcript, and the plugin that gives them to a worker."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, cast

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from agentkit.claude import ClaudeReply, ClaudeRequest, call_claude, default_model
from agentkit.messages import ToolCall, text_of, tool_calls
from agentkit.stores import SQLiteStore, Store
from agentkit.tool_runs import TOOL_ACTIVITY_PREFIX
from agentkit.transcript.chain import (
    BrokenTranscript,
    Entry,
    append,
    append_summary,
    canonical,
    read_link,
)
from agentkit.transcript.payloads import (
    CUT,
    KEPT_IN,
    MOST_ARGUMENTS,
    MOST_SAID,
    Condensed,
    Condensing,
    Prompt,
    Turn,
    TurnTaken,
    announce,
)
from agentkit.transcript.summary import request_for
from agentkit.transcript.window import read_window


class TranscriptPlugin(SimplePlugin):
    """Keeps conversations in a store: a client's second plugin, beside `AgentPlugin`.

    All tools of the worker then keep their results in the store, so its Workflows must be
    such as have a `LongConversation`.

    Args:
        store: Where conversations are kept, for all workers the same; by default a SQLite file,
            see `agentkit.stores.SQLiteStore`.

    Example:
        ```python
        client = await connect(AgentPlugin(TOOLS), TranscriptPlugin())
        ```
    """

    def __init__(self, store: Store | None = None) -> None:
        """Set up what a worker will take from here."""
        store = store or SQLiteStore()
        keeping = Keeping(store)
        super().__init__(
            "agentkit.TranscriptPlugin",
            activities=[keeping.keep_prompt, keeping.take_turn, keeping.condense],
            interceptors=[_KeepResults(store)],
        )


class Keeping:
    """The Activities, on one store.

    Args:
        store: Where conversations are.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @activity.defn
    async def keep_prompt(self, prompt: Prompt) -> str:
        """Keep a prompt, with the model that it is for, and give its reference."""
        whole = {
            "system": prompt.system,
            "tools": prompt.tools,
            "model": prompt.model or default_model(),
        }
        return await asyncio.to_thread(self.store.put, canonical(whole))

    @activity.defn
    async def take_turn(self, turn: Turn) -> TurnTaken:
        """Read the window, call Claude, and append what was said by both sides.

        Raises:
            ApplicationError: The call failed, as `call_claude` says; or, non-retryable and of
                type "BrokenTranscript", something of the conversation is missing or altered.
        """
        try:
            return await self._take_turn(turn)
        except BrokenTranscript as err:
            raise _broken(err) from None

    @activity.defn
    async def condense(self, task: Condensing) -> Condensed:
        """Ask Claude for a summary of what falls out of the window, and append it.

        Raises:
            ApplicationError: As `take_turn`.
        """
        try:
            return await self._condense(task)
        except BrokenTranscript as err:
            raise _broken(err) from None

    async def _take_turn(self, turn: Turn) -> TurnTaken:
        new = cast("list[Entry]", turn.new)
        view = await asyncio.to_thread(read_window, self.store, turn.head, turn.window, new)
        prompt = await self._prompt(turn.prompt)
        reply = await call_claude(
            ClaudeRequest(
                cast(Any, view.messages),
                system=prompt.system,
                tools=prompt.tools,
                max_tokens=turn.answer.max_tokens,
                model=prompt.model,
            )
        )
        answer = replace(turn.answer)
        step = answer.take(reply)
        said = [*new, *cast("list[Entry]", step.messages)]
        if step.do != "run_tools":
            said = [each for each in map(_without_calls, said) if each["content"]]
        head = await asyncio.to_thread(append, self.store, turn.head, said)
        calls = tool_calls(reply.content) if step.do == "run_tools" else []
        return TurnTaken(
            head=head,
            do=step.do,
            calls=[_within_bounds(call, head) for call in calls],
            answer=replace(answer, text=_cut(answer.text)),
            usage=reply.usage,
            model=reply.model,
            stop_reason=reply.stop_reason,
            ended=step.ended,
            detail=step.detail,
            full=view.full,
        )

    async def _condense(self, task: Condensing) -> Condensed:
        prompt = await self._prompt(task.prompt)
        request, covers = await asyncio.to_thread(
            request_for, self.store, task.head, task.window, prompt.model
        )
        reply: ClaudeReply = await call_claude(request)
        summary = text_of(reply.content).strip()
        if not summary:
            raise ApplicationError(
                f"Claude wrote no summary ({reply.stop_reason}).", type="NoSummary"
            )
        head = await asyncio.to_thread(append_summary, self.store, task.head, summary, covers)
        return Condensed(head, covers, reply.usage, reply.model)

    async def _prompt(self, reference: str) -> Prompt:
        try:
            return Prompt(**json.loads(await asyncio.to_thread(self.store.get, reference)))
        except KeyError as err:
            raise BrokenTranscript(f"The prompt is missing or was altered: {err.args[0]}") from None


class _KeepResults(Interceptor):
    """Lets tools read long arguments from the transcript, and keeps what they return."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _KeepResult(next, self.store)


class _KeepResult(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, store: Store) -> None:
        super().__init__(next)
        self.store = store

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if not activity.info().activity_type.startswith(TOOL_ACTIVITY_PREFIX):
            return await super().execute_activity(input)
        # A dynamic Activity has one argument, the list of what it was called with.
        raw = cast("list[RawValue]", input.args[0])
        converter = activity.payload_converter()
        call = converter.from_payloads([raw[0].payload], [ToolCall])[0]
        if isinstance(call.input, dict) and set(call.input) == {KEPT_IN}:
            whole = await asyncio.to_thread(_whole_call, self.store, call)
            input.args = [[RawValue(converter.to_payloads([whole])[0]), *raw[1:]]]
        text = await super().execute_activity(input)
        return announce(await asyncio.to_thread(self.store.put, text), text)


def _without_calls(message: Entry) -> Entry:
    """Drop calls that nobody will run, as of a refusal: the API wants a result for each."""
    content = message["content"]
    if message["role"] != "assistant" or not tool_calls(content):
        return message
    words = [block for block in content if block["type"] == "text"]
    return {**message, "content": words}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SAID else text[: MOST_SAID - len(CUT)] + CUT


def _within_bounds(call: ToolCall, head: str) -> ToolCall:
    """Leave long arguments in the transcript.

    Arguments that look like a reference of ours are left there too: what Claude writes must
    never be taken for one.
    """
    forged = isinstance(call.input, dict) and set(call.input) == {KEPT_IN}
    if not forged and len(canonical(call.input)) <= MOST_ARGUMENTS:
        return call
    return replace(call, input={KEPT_IN: head})


def _whole_call(store: Store, call: ToolCall) -> ToolCall:
    try:
        link = read_link(store, call.input[KEPT_IN])
    except BrokenTranscript as err:
        raise _broken(err) from None
    said = [each for each in link.messages if each["role"] == "assistant"]
    for found in (found for each in said for found in tool_calls(each["content"])):
        if found.id == call.id:
            return found
    raise _broken(BrokenTranscript(f"{link.reference} asks for no tool by the id {call.id}."))


def _broken(err: BrokenTranscript) -> ApplicationError:
    return ApplicationError(str(err), type="BrokenTranscript", non_retryable=True)
