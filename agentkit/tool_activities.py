"""The worker's side of tool calls: one dynamic Activity runs any tool.

| what happens | tries | what Claude reads |
| --- | --- | --- |
| the tool answers | 1 | the answer |
| the answer is longer than `keep_over` | 1 | its beginning, and the reference of the whole |
| there is no such tool | 1 | `is_error`: which tools there are |
| the arguments don't fit | 1 | `is_error`: which, and why |
| the call may not run here (`authorize`, `prove_key`) | 1 | `is_error`: why; nothing has happened |
| the tool says no (`ToolError`, also out of a task group) | 1 | `is_error`: its words |
| it returns images or documents | 1 | the API's blocks |
| it returns what can't be sent | 1 | `is_error`: why; with an effect: unknown, ask a person |
| it fails otherwise, or takes too long | as declared | `is_error`: the last reason |
| its worker dies | as declared | whatever the next attempt brings |
| the last two, of a tool with an effect | as declared | `is_error`: unknown, ask a person |

An effect may have happened before its last attempt failed. Claude must not call it again: a new
call has a new id, and so a new idempotency key.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from agentkit.idempotency import prove_key, use_idempotency_key
from agentkit.messages import ToolCall, Verbatim, canonical_json
from agentkit.stores import SQLiteStore, Store
from agentkit.tool_json import Blocks, UnusableResult
from agentkit.tools import AnyTool, InvalidArguments, ToolError

TOOL_ACTIVITY_PREFIX = "tool."
"""Activity types of tools are `tool.<name>`: a name that Claude made up can never run one of the
worker's other Activities."""

KEEP_OVER = 50_000
"""The longest result that Claude gets whole: some 12,000 tokens, and far from the 2 MB that
Temporal takes as one payload."""

MOST_BLOCK_BYTES = 1_500_000
"""The most content blocks that a run carries: Temporal takes 2 MB as one payload, and the next
request holds the rest of the conversation too."""

UNKNOWN_OUTCOME = "Outcome unknown:"
"""The beginning of a result that leaves open whether an effect has happened."""

MOST_ERROR_CHARACTERS = 2_000

_PREVIEW_CHARACTERS = 120


@dataclass(frozen=True)
class ToolRequest:
    """A tool call to run.

    Attributes:
        call: The call.
        key: Its idempotency key.
        approval: What lets it run if it needs approval; `agentkit.approvals.decisions.Approval`.
    """

    call: ToolCall
    key: str
    approval: Verbatim[dict[str, Any] | None] = None


Authorize: TypeAlias = Callable[[ToolRequest, AnyTool, str], "str | None"]
"""Says in one sentence why a call may not run; None when it may.

It gets the request, the tool, and the id of the first run of the Workflow that asks: by the
server's word, where the tool has an effect or the request brings an approval. It is called on the
worker, in the Activity of each attempt, and does no I/O."""


@dataclass(frozen=True)
class ToolOutput:
    """The result of a tool.

    Attributes:
        text: The text for Claude, or a preview of it.
        kept: The reference of a text of which `text` is a preview; else "".
        characters: The length of the whole result.
        content: Content blocks for Claude, in place of the text; empty if there are none.
        blocks: Whether what is kept is the JSON of content blocks.
    """

    text: str
    kept: str = ""
    characters: int = 0
    content: Verbatim[Blocks] = field(default_factory=list)
    blocks: bool = False


def without_secrets(text: str) -> str:
    """Replace what looks like a secret: credentials in URLs, keys and tokens of known shapes.

    What is left may still hold a secret of another shape.
    """
    return _SECRETS.sub(r"\g<label>[secret]", text)


def tool_activity(
    tools: Sequence[AnyTool],
    *,
    store: Store | None = None,
    keep_over: int = KEEP_OVER,
    authorize: Authorize | None = None,
    redact: Callable[[str], str] = without_secrets,
) -> Callable[..., Any]:
    """Make the one dynamic Activity that runs any of these tools; give it to the Worker.

    Args:
        tools: The tools of this worker, each name once.
        store: Keeps long results; by default `SQLiteStore()`.
        keep_over: The longest result, in characters, that Claude gets whole; of a longer one
            it gets so much, and the reference of the whole. 0 is for `LongConversation`:
            history gets references only, and the transcript reads the results back.
        authorize: Says why a call may not run, such as `agentkit.approvals.decisions.authorizer`
            makes it; None to let every Workflow of the namespace run every tool.
        redact: Removes secrets from the text of a tool's exception, before it goes to Claude and
            into history; by default `without_secrets`.

    Raises:
        ValueError: Two tools share a name.
    """
    registry = {t.name: t for t in tools}
    if len(registry) != len(tools):
        twice = sorted({t.name for t in tools if [u.name for u in tools].count(t.name) > 1})
        raise ValueError(f"Tool names must be unique; given twice: {', '.join(twice)}")
    results = store or SQLiteStore()

    @activity.defn(dynamic=True)
    async def run_any_tool(args: Sequence[RawValue]) -> ToolOutput:
        name = activity.info().activity_type.removeprefix(TOOL_ACTIVITY_PREFIX)
        if name == activity.info().activity_type or name not in registry:
            raise _no(
                f"There is no tool {name!r}. Tools: {', '.join(sorted(registry)) or 'none'}.",
                "UnknownTool",
            )
        tool = registry[name]
        if tool.effect == "at_most_once" and activity.info().attempt > 1:
            # Whatever attempts the Workflow has set: what may have run isn't run again.
            raise unknown_outcome(name, "The worker was lost.")
        payload = args[0].payload
        (request,) = activity.payload_converter().from_payloads([payload], [ToolRequest])
        try:
            sent = request.call
            if sent.kept:
                sent = await asyncio.to_thread(open_arguments, sent, results)
            call = replace(sent, input=tool.normalised(sent.input))
            await _check_authority(replace(request, call=call), tool, authorize)
        except ApplicationError:
            raise
        except Exception as err:
            raise _failure(tool, err, redact) from None
        # As sent: the same in each attempt, also when a new worker's tool has other defaults.
        with use_idempotency_key(request.key, name, sent.input):
            content = await _run(tool, call, MOST_BLOCK_BYTES if keep_over else None, redact)
        if isinstance(content, list):
            return await asyncio.to_thread(_with_blocks, content, results, keep_over)
        if len(content) <= keep_over:
            return ToolOutput(content, characters=len(content))
        return await asyncio.to_thread(_kept, content, results, keep_over)

    return run_any_tool


async def _check_authority(
    request: ToolRequest, tool: AnyTool, authorize: Authorize | None
) -> None:
    """Refuse a call that its Workflow may not make, whatever the arguments say about that."""
    call, first_run = request.call, ""
    if tool.effect != "none" or request.approval is not None:
        caller = await prove_key(request.key, call.place, call.id)
        first_run = caller.first_run
        if tool.effect == "at_most_once" and caller.was_reset:
            raise unknown_outcome(tool.name, "The run was reset, and may have called it before.")
    why = None if call.name == tool.name else f"The call is one of {call.name!r}."
    if authorize and why is None:
        try:
            why = authorize(request, tool, first_run)
        except Exception as err:  # a request from outside may hold anything
            why = f"It could not be judged ({type(err).__name__})."
    if why is None:
        return
    if activity.info().attempt > 1 and tool.effect != "none":  # keys or policy have changed since
        raise unknown_outcome(tool.name, f"An attempt was made, and another may not run: {why}")
    raise _no(f"Not run, and nothing has happened: {why}", "NotAuthorized")


async def _run(
    tool: AnyTool, call: ToolCall, most_bytes: int | None, redact: Callable[[str], str]
) -> str | Blocks:
    """Run a tool, and turn its failure into one that says whether to retry."""
    try:
        content = await tool.call(call.input)
        if isinstance(content, str):
            return _utf8(content)
        size = len(canonical_json(content))
        if most_bytes is not None and size > most_bytes:
            raise UnusableResult(
                f"{tool.name} returned images or documents of {size:,} bytes, and a run carries "
                f"{most_bytes:,}: make them smaller, return their URL, or use LongConversation."
            )
        return content
    except BaseException as err:
        if is_cancelled_exception(err) and activity.is_cancelled():
            raise
        if type(err).__module__.startswith("temporalio.activity"):
            raise  # `raise_complete_async`
        raise _failure(tool, err, redact) from None


def _failure(tool: AnyTool, err: BaseException, redact: Callable[[str], str]) -> ApplicationError:
    """Translate what a tool raised, never passing it on as it is, and keep its traceback.

    A traceback quotes lines of source: one with a secret in it is left out.
    """

    def redacted(text: str) -> str:
        try:
            return redact(text)
        except Exception as failed:
            return f"[Its text could not be redacted: {type(failed).__name__}.]"

    trace = "".join(traceback.format_tb(err.__traceback__))
    where = err.__traceback__ if redacted(trace) == trace else None
    return _translated(tool, err, redacted).with_traceback(where)


def _translated(tool: AnyTool, err: BaseException, said: Callable[[str], str]) -> ApplicationError:
    """Say what a failure means for the call.

    `sys.exit` would end the worker, a CancelledError without a request to cancel isn't one, and a
    text of megabytes never arrives.
    """
    if isinstance(err, InvalidArguments):
        return _no(said(str(err)), "InvalidArguments")
    if isinstance(err, UnusableResult):
        why = _message_of(err, said)
        return _no(why, "ToolError") if tool.effect == "none" else unknown_outcome(tool.name, why)
    failures = list(_leaves(err))
    faults = [each for each in failures if not isinstance(each, ToolError)]
    if not faults:
        words = said("; ".join(filter(None, (str(each).strip() for each in failures))))
        return _no(words or "The tool said no, and gave no reason.", "ToolError")
    why = "; ".join(_message_of(each, said) for each in faults)[:MOST_ERROR_CHARACTERS]
    if tool.effect == "at_most_once":
        return unknown_outcome(tool.name, f"It failed: {why}")
    first = faults[0]
    if not isinstance(first, ApplicationError):
        return ApplicationError(why, type=type(first).__name__)
    return ApplicationError(
        why,
        type=first.type,
        non_retryable=first.non_retryable,
        next_retry_delay=first.next_retry_delay,
        category=first.category,
    )


def _leaves(err: BaseException) -> Iterator[BaseException]:
    """Take apart the group that, for one, a task group raises; groups may hold groups."""
    if isinstance(err, BaseExceptionGroup):
        for each in err.exceptions:
            yield from _leaves(each)
    else:
        yield err


def unknown_outcome(name: str, why: str) -> ApplicationError:
    """Build the error of an effect that may have happened, and must not be tried again."""
    return _no(
        f"{UNKNOWN_OUTCOME} {name} was called, and nobody knows whether it happened. "
        f"({why[: MOST_ERROR_CHARACTERS // 2]}) "
        "Do not call it again; say so, and ask a person to look.",
        "OutcomeUnknown",
    )


def keep_arguments(call: ToolCall, store: Store, longest: int) -> ToolCall:
    """Move arguments of more characters, as JSON, into the store of `tool_activity`."""
    if len(canonical_json(call.input)) <= longest:
        return call
    kept = {"id": call.id, "place": call.place, "input": call.input}
    return replace(call, input={}, kept=store.put(canonical_json(kept)))


def open_arguments(call: ToolCall, store: Store) -> ToolCall:
    """Read kept arguments back; they are forged unless they were kept for this very call.

    Raises:
        ApplicationError: The store holds none for it.
    """
    if not call.kept:
        return call
    try:
        kept = json.loads(store.get(call.kept))
        if (kept["id"], kept["place"]) == (call.id, call.place):
            return replace(call, input=kept["input"], kept="")
    except (LookupError, ValueError, TypeError):
        pass
    raise _no(
        f"The arguments of this call are missing: the store holds none for it at {call.kept}. "
        "Do all workers use the same store (AGENTKIT_STORE)?",
        "ArgumentsNotFound",
    )


def _kept(text: str, store: Store, keep_over: int) -> ToolOutput:
    reference = _put(text, store)
    if not reference and len(text) <= KEEP_OVER:
        return ToolOutput(text, characters=len(text))
    if reference and not keep_over:
        preview = " ".join(text[: 4 * _PREVIEW_CHARACTERS].split())[:_PREVIEW_CHARACTERS]
        return ToolOutput(preview, reference, len(text))
    beginning = text[: keep_over or KEEP_OVER]
    kept = f"The whole is kept as {reference}" if reference else "The rest could not be kept"
    cut = (
        f"{beginning}\n\n[Cut: these are the first {len(beginning):,} of {len(text):,} characters. "
        f"{kept}. Ask for less at a time to read on.]"
    )
    return ToolOutput(cut, characters=len(text))


def _with_blocks(content: Blocks, store: Store, keep_over: int) -> ToolOutput:
    """Carry content blocks, or keep them where results are kept by reference."""
    text = _utf8(canonical_json(content))
    words = " ".join(b["text"] if b["type"] == "text" else f"[{b['type']}]" for b in content)
    preview = _utf8(" ".join(words.split())[:_PREVIEW_CHARACTERS])
    reference = "" if keep_over else _put(text, store)
    if reference:
        return ToolOutput(preview, reference, len(text), blocks=True)
    if len(text) > MOST_BLOCK_BYTES:
        return ToolOutput(f"{preview}\n\n[The images or documents could not be kept.]")
    return ToolOutput(preview, characters=len(text), content=json.loads(text))


def _put(text: str, store: Store) -> str:
    """Store a result; where that fails, the tool has run all the same, and its result goes on."""
    try:
        return store.put(text)
    except Exception as err:  # a store of the reader's own may raise anything
        logging.getLogger(__name__).warning("A long result was not kept: %s", err)
        return ""


def _no(message: str, type: str) -> ApplicationError:
    text = _utf8(message[:MOST_ERROR_CHARACTERS])
    return ApplicationError(text, type=type, non_retryable=True)


def _message_of(err: BaseException, said: Callable[[str], str]) -> str:
    """Return the exception's message, or its repr if it has none."""
    text = err.message if isinstance(err, ApplicationError) else ""
    text = text or (str(err) if isinstance(err, Exception) else "") or repr(err)
    # Redacted before it is cut, as half a secret looks like none.
    return _utf8(said(text[: 10 * MOST_ERROR_CHARACTERS])[:MOST_ERROR_CHARACTERS])


def _utf8(text: str) -> str:
    """Replace halves of surrogate pairs, as in odd file names, which no payload can hold."""
    return text.encode("utf-8", "replace").decode()


_SECRETS = re.compile(
    r"""
    (?<=://) [^\s"'<>]{1,1000} (?=@)
    | (?P<label>
        (?i:password|passwd|pwd|secret|token|(?:api|access|account|private|auth)[-_]?key)
        (?:["']\s?[:=]|\s?=) \s?
        | (?i:authorization|x-api-key) ["']? \s?[:=]\s? (?i:bearer\s|basic\s)?
      )
      (?: "[^"]+ | '[^']+ | [^\s"',;&]+ )
    | (?i:\bbearer) \s{1,3} [\w.+/=~-]{16,}
    | -----BEGIN\ [A-Z\ ]{0,30}PRIVATE\ KEY----- [\s\S]*? (?: -----END | \Z )
    | (?<![\w-]) eyJ[\w-]{8,}\.[\w.-]{8,}
    | (?<![A-Za-z0-9]) (?:
        (?:[spr]k|whsec)[-_][\w-]{16,} | gh[a-z]_\w{20,} | github_pat_\w{20,} | glpat-[\w-]{16,}
        | xox[a-z]-[\w-]{10,} | A[KS]IA[A-Z0-9]{16} | AIza[\w-]{30,} | hf_\w{20,} | npm_\w{30,}
        | SG\.[\w.-]{20,}
      )
    """,
    re.VERBOSE,
)
