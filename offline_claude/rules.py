"""The rules of the Messages API beyond structure, each with the API's status, type and wording.

A test double that accepts what the API rejects teaches bugs. `shapes` has checked fields and
types by the time these run. Wordings are what the API has been seen to say (public threads, the
API's documentation); what they refuse is 400 `invalid_request_error` unless they say otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from offline_claude.errors import ApiError, invalid
from offline_claude.media import data_bytes, read_image
from offline_claude.models import find_model
from offline_claude.request import Block, blocks_of
from offline_claude.schemas import (
    instance_error,
    optional_parameters,
    schema_error,
    strictness_error,
)
from offline_claude.signature import is_signed
from offline_claude.turns import Placed, Sent, message_of

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}")
_IDS = {
    "tool_use": {"id": "[a-zA-Z0-9_-]+"},
    "tool_result": {"tool_use_id": "[a-zA-Z0-9_-]+"},
    "server_tool_use": {"id": "srvtoolu_[a-zA-Z0-9_]+"},
}
_DOCS = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
_NEWER_DOCS = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
_SMALLEST_BUDGET = 1_024
_MOST_IMAGE_BYTES = 10 * 1024 * 1024
_MOST_PIXELS = {"": 8_000, "for many-image requests": 2_000}
_MANY_IMAGES = 20
_MOST_OPTIONAL = 24
_MOST_MARKERS = 4
_MOST_MESSAGES = 100_000
_MOST_STRICT = 20

NEWEST_VERSION = "2026-10-21"
"""The API version that has no sampling, and is stricter about documents and citations."""


# What the request as a whole asks for.


def keeps_no_threads(sent: Sent) -> None:
    """Message threads are not kept here; the SDK then sends the whole conversation."""
    if sent.body.get("thread") is not None:
        raise ApiError(
            400,
            "thread: This server keeps no message threads. Send the full conversation "
            "without `thread`.",
            details={"error_code": "thread_unsupported_request"},
        )


def model_exists(sent: Sent) -> None:
    """An unknown model is 404 `not_found_error`."""
    if not sent.body["model"]:
        raise invalid("model: String should have at least 1 character")
    find_model(sent.body["model"])


def max_tokens_within_cap(sent: Sent) -> None:
    """`max_tokens` is 0 (which only warms the prompt cache) up to what the model writes."""
    wanted, cap = sent.body["max_tokens"], sent.model.max_output_tokens
    if wanted < 0:
        raise invalid("max_tokens: must be greater than or equal to 0")
    if wanted > cap:
        raise invalid(
            f"max_tokens: {wanted} > {cap}, which is the maximum allowed number of output tokens "
            f"for {sent.model.snapshot}"
        )
    needs_words = {
        "stream": sent.body.get("stream"),
        "thinking": sent.thinking.get("type") == "enabled",
        "output_config.format": sent.output_schema is not None,
        "tool_choice": sent.tool_choice["type"] in ("any", "tool"),
    }
    if not wanted and any(needs_words.values()):
        which = next(name for name, given in needs_words.items() if given)
        raise invalid(f"max_tokens: must be greater than 0 when `{which}` is set")


def stop_sequences_have_text(sent: Sent) -> None:
    """A stop sequence of white space would end almost everything."""
    if any(not text.strip() for text in sent.body.get("stop_sequences") or []):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")


def sampling_is_taken(sent: Sent) -> None:
    """Sampling parameters belong to the API version before 2026-10-21, and to older models."""
    given = [name for name in ("temperature", "top_p", "top_k") if name in sent.body]
    for name in given:
        value = sent.body[name]
        if sent.version >= NEWEST_VERSION:
            raise invalid(f"{name}: Extra inputs are not permitted")
        if name == "temperature" and value < 0:
            raise invalid(f"`temperature` cannot be set to {value} for this model")
        if name == "top_k" and value < 0:
            raise invalid("top_k: Input should be greater than or equal to 0")
        if name != "top_k" and not 0 <= value <= 1:
            raise invalid(f"{name}: range: 0..1")
        default = value >= {"temperature": 1, "top_p": 0.99}.get(name, math.inf)
        if not sent.model.takes_sampling and not default:
            raise invalid(f"`{name}` is deprecated for this model.")
    if {"temperature", "top_p"} <= set(given) and sent.model.takes_sampling:
        raise invalid(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )


def user_id_is_opaque(sent: Sent) -> None:
    """`metadata.user_id` is an id that says nothing about a person."""
    user_id = (sent.body.get("metadata") or {}).get("user_id") or ""
    if len(user_id) > 512:
        raise invalid("metadata.user_id: String should have at most 512 characters")
    if _EMAIL.search(user_id):
        raise invalid("metadata.user_id: user_id appears to contain an email address")


def geography_is_known(sent: Sent) -> None:
    """Inference runs in one of two places."""
    if sent.body.get("inference_geo") not in (None, "global", "us"):
        raise invalid("inference_geo: must be one of ['global', 'us']")


def container_has_its_tool(sent: Sent) -> None:
    """Containers belong to the code execution tool."""
    kinds = [str(tool.get("type")) for tool in sent.tools]
    if sent.body.get("container") and not any(k.startswith("code_execution") for k in kinds):
        raise invalid(
            "container: Container identifier can only be provided when using the code execution "
            "tool"
        )


def prompt_fits(sent: Sent) -> None:
    """The input fits the model's context window."""
    if (tokens := sent.input_tokens) > (most := sent.model.context_tokens):
        raise invalid(f"prompt is too long: {tokens} tokens > {most} maximum")


# Tools.


def tools_are_named(sent: Sent) -> None:
    """A tool's name is letters, digits, hyphens and underscores; so are its arguments' names."""
    for n, tool in sent.own_tools:
        if not tool["name"]:
            raise invalid(f"tools.{n}.custom.name: String should have at least 1 character")
        if not _TOOL_NAME.fullmatch(tool["name"]):
            raise invalid(
                f"tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )
        if not all(map(_PROPERTY.fullmatch, tool["input_schema"].get("properties") or {})):
            raise invalid(
                f"tools.{n}.custom.input_schema.properties: Property keys should match pattern "
                "'^[a-zA-Z0-9_.-]{1,64}$'"
            )


def tool_names_are_unique(sent: Sent) -> None:
    """No two tools share a name."""
    names = [tool["name"] for tool in sent.tools if "name" in tool]
    if len(names) != len(set(names)):
        raise invalid("tools: Tool names must be unique.")


def tool_schemas_are_schemas(sent: Sent) -> None:
    """An input schema is JSON Schema 2020-12, and an object at the top."""
    for n, tool in sent.own_tools:
        schema = tool["input_schema"]
        if {"oneOf", "allOf", "anyOf"} & schema.keys():
            raise invalid(
                f"tools.{n}.custom.input_schema: input_schema does not support oneOf, allOf, or "
                "anyOf at the top level"
            )
        if schema_error(schema):
            raise invalid(
                f"tools.{n}.custom.input_schema: JSON schema is invalid. It must match JSON Schema "
                "draft 2020-12 (https://json-schema.org/draft/2020-12). Learn more about tool use "
                "at https://docs.claude.com/en/docs/tool-use."
            )


def strict_tools_are_strict(sent: Sent) -> None:
    """What a strict tool's schema says can be promised while the input is written."""
    strict = [(n, tool) for n, tool in sent.own_tools if tool.get("strict")]
    if len(strict) > _MOST_STRICT:
        raise invalid(
            f"Too many strict tools ({len(strict)}). The maximum number of strict tools supported "
            f"is {_MOST_STRICT}. Try reducing the number of tools marked as strict."
        )
    for n, tool in strict:
        if error := strictness_error(tool["input_schema"]):
            raise invalid(f"tools.{n}.custom: {error}")
    optional = sum(optional_parameters(tool["input_schema"]) for _, tool in strict)
    if optional > _MOST_OPTIONAL:
        raise invalid(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar "
            "compilation inefficient. Reduce the number of optional parameters in your tool "
            f"schemas (limit: {_MOST_OPTIONAL})."
        )


def examples_fit_their_schema(sent: Sent) -> None:
    """An example of a tool's input is one."""
    for n, tool in sent.own_tools:
        for m, example in enumerate(tool.get("input_examples") or []):
            if error := instance_error(example, tool["input_schema"]):
                raise invalid(f"tools.{n}.custom.input_examples.{m}: {error}")


def deferred_tools_wait(sent: Sent) -> None:
    """A deferred tool waits to be searched for: not every tool can, and none is cached."""
    for tool in sent.tools:
        if tool.get("defer_loading") and tool.get("cache_control"):
            raise invalid(
                f"Tool '{tool.get('name')}' cannot have both defer_loading=true and cache_control "
                "set. Tools with defer_loading cannot use prompt caching."
            )
    if sent.tools and all(tool.get("defer_loading") for tool in sent.tools):
        raise invalid(
            "At least one tool must have defer_loading=false. All tools cannot be deferred."
        )


def references_are_to_tools(sent: Sent) -> None:
    """A tool that was searched for and found has its definition among the tools."""
    if any(tool.get("type") == "mcp_toolset" for tool in sent.tools):
        return  # what an MCP server offers isn't known here
    names = [tool.get("name") for tool in sent.tools]
    for _, block in sent.blocks:
        if block["type"] == "tool_reference" and block["tool_name"] not in names:
            raise invalid(
                f"Tool reference '{block['tool_name']}' has no corresponding tool definition"
            )


def searches_are_bounded(sent: Sent) -> None:
    """The API's own search takes a number of uses, and one of two lists of domains."""
    for n, tool in enumerate(sent.tools):
        where = f"tools.{n}.{tool.get('type')}"
        if (uses := tool.get("max_uses")) is not None and uses <= 0:
            raise invalid(f"{where}.max_uses: Input should be greater than 0")
        if tool.get("allowed_domains") and tool.get("blocked_domains"):
            raise invalid(
                f"{where}: Only one of `allowed_domains` and `blocked_domains` may be specified"
            )


def mcp_servers_have_toolsets(sent: Sent) -> None:
    """An MCP server and a set of its tools go together."""
    servers = [server["name"] for server in sent.body.get("mcp_servers") or []]
    sets = [tool["mcp_server_name"] for tool in sent.tools if tool.get("type") == "mcp_toolset"]
    if unknown := [name for name in sets if name not in servers]:
        raise invalid(
            f"MCP server '{unknown[0]}' is referenced by an `mcp_toolset` in `tools` but not "
            "defined in `mcp_servers`."
        )
    # The older form of this beta has no sets at all.
    if sets and (unused := [name for name in servers if name not in sets]):
        raise invalid(
            f"MCP server '{unused[0]}' is defined but not referenced by any `mcp_toolset` in "
            "`tools`."
        )


def tool_choice_has_tools(sent: Sent) -> None:
    """Choosing takes tools to choose from, and names one of them."""
    choice = sent.body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "tool":
        if choice["name"] not in [tool.get("name") for tool in sent.tools]:
            raise invalid(f"Tool '{choice['name']}' not found in provided tools")
    elif "tool_choice" in sent.body and not sent.tools:
        raise invalid(f"tool_choice.{choice['type']} may only be specified while providing tools")


# Thinking.


def thinking_suits_the_model(sent: Sent) -> None:
    """Older models think with a budget, newer ones adaptively, some of the newest always."""
    kind = sent.thinking.get("type")
    if kind is None or kind in sent.model.thinking:
        return
    if kind == "adaptive":
        raise invalid("adaptive thinking is not supported on this model")
    instead = '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    if "adaptive" not in sent.model.thinking:
        instead = '"thinking.type.enabled" or "thinking.type.disabled".'
    elif "between_tools" in sent.model.thinking and kind == "disabled":
        instead = f'"thinking.type.between_tools" for the lowest thinking setting, or {instead}'
    raise invalid(f'"thinking.type.{kind}" is not supported for this model. Use {instead}')


def effort_suits_the_model(sent: Sent) -> None:
    """Not every model can be told how hard to try, nor without thinking."""
    effort = (sent.body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if not sent.model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort not in sent.model.efforts:
        raise invalid(
            f"This model does not support effort level '{effort}'. Supported levels: "
            f"{', '.join(sorted(sent.model.efforts))}."
        )
    unthinking = sent.thinking.get("type") in sent.model.thinking_for_less_effort
    if effort in ("xhigh", "max") and unthinking:
        raise invalid(
            f"output_config.effort '{effort}' is not supported when thinking is disabled on "
            "this model. Use effort 'high' or below, or enable thinking."
        )


def budget_leaves_room(sent: Sent) -> None:
    """A budget is at least 1,024 tokens, and less than the reply may have in all."""
    if (budget := sent.thinking.get("budget_tokens")) is None:
        return
    if budget < _SMALLEST_BUDGET:
        raise invalid(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            f"{_SMALLEST_BUDGET}"
        )
    if "max_tokens" in sent.body and sent.body["max_tokens"] <= budget:
        raise invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            f"documentation at {_DOCS}#max-tokens-and-context-window-size"
        )


def thinking_goes_with_a_free_choice(sent: Sent) -> None:
    """A forced tool leaves no room to think with a budget, and thinking none to sample."""
    kind = sent.thinking.get("type")
    if kind == "enabled" and sent.tool_choice["type"] in ("any", "tool"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if kind in ("enabled", "adaptive"):
        more = (
            "when thinking is enabled or in adaptive mode. Please consult our documentation at "
            f"{_NEWER_DOCS}"
        )
        if sent.body.get("temperature", 1) != 1:
            raise invalid(f"`temperature` may only be set to 1 {more}")
        if sent.body.get("top_p", 1) < 0.95:
            raise invalid(f"`top_p` must be greater than or equal to 0.95 or unset {more}")
        if "top_k" in sent.body:
            raise invalid(f"`top_k` must be unset {more}")


def thinking_starts_the_turn(sent: Sent) -> None:
    """With a budget, what Claude thought before it asked for tools goes back with its request."""
    edits = (sent.body.get("context_management") or {}).get("edits") or []
    cleared = any(edit["type"].startswith("clear_thinking") for edit in edits)
    if sent.thinking.get("type") != "enabled" or cleared:
        return
    asked = [
        n for n, t in enumerate(sent.turns) if t.role == "user" and not t.of_type("tool_result")
    ]
    after = sent.turns[asked[-1] + 1 :] if asked else []
    if not after or not after[0].blocks:
        return
    path, block = after[0].blocks[0]
    if block["type"] in ("thinking", "redacted_thinking"):
        return
    raise invalid(
        f"{path}.type: Expected `thinking` or `redacted_thinking`, but found `{block['type']}`. "
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block "
        "(preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "
        "include thinking blocks from previous turns. To avoid this requirement, disable "
        f"`thinking`. Please consult our documentation at {_DOCS}"
    )


def thinking_is_unchanged(sent: Sent) -> None:
    """Thinking goes back as it came: its signature says whether it was touched."""
    for path, block in sent.blocks:
        if block["type"] == "redacted_thinking":
            raise invalid(f"{path}: Invalid `data` in `redacted_thinking` block")
        if block["type"] != "thinking" or is_signed(block["thinking"], block["signature"]):
            continue
        if is_signed("", block["signature"]) and message_of(path) == sent.latest_reply:
            raise invalid(
                f"{path}: `thinking` or `redacted_thinking` blocks in the latest assistant message "
                "cannot be modified. These blocks must remain as they were in the original "
                "response."
            )
        raise invalid(f"{path}: Invalid `signature` in `thinking` block")


# The prompt cache.


def few_cache_markers(sent: Sent) -> None:
    """At most four places can be marked."""
    markers = [path for path, block in sent.cacheable if block.get("cache_control")]
    found = len(markers) + bool(sent.body.get("cache_control"))
    if found > _MOST_MARKERS:
        raise invalid(
            f"A maximum of {_MOST_MARKERS} blocks with cache_control may be provided. "
            f"Found {found}."
        )


def cache_markers_are_on_text(sent: Sent) -> None:
    """Nothing is no place for a marker."""
    for path, block in sent.cacheable:
        if block.get("cache_control") and block.get("text") == "":
            raise invalid(f"{path}.text: cache_control cannot be set for empty text blocks")


def long_lived_cache_comes_first(sent: Sent) -> None:
    """What is cached for an hour stands before what is cached for five minutes."""
    short = False
    # A marker for the whole request stands on its last block.
    for path, block in [*sent.cacheable, ("", sent.body)]:
        marker = block.get("cache_control")
        if not marker:
            continue
        if marker.get("ttl") == "1h" and short:
            kind = f".{block['type']}" if path.startswith("messages") else ""
            where = f"{path}{kind}.cache_control.ttl".removeprefix(".")
            raise invalid(
                f"{where}: a ttl='1h' cache_control block must not come "
                "after a ttl='5m' cache_control block. Note that blocks are processed in the "
                "following order: `tools`, `system`, `messages`."
            )
        short = short or marker.get("ttl") != "1h"


# The conversation.


def there_are_messages(sent: Sent) -> None:
    """One message at least, 100,000 at most, the user's first."""
    if not sent.messages:
        raise invalid("messages: at least one message is required")
    if len(sent.messages) > _MOST_MESSAGES:
        raise invalid(f"messages: List should have at most {_MOST_MESSAGES} items after validation")
    if not sent.turns:
        system_messages_have_their_place(sent)
    if not sent.turns or sent.messages[0]["role"] == "assistant":
        raise invalid('messages: first message must use the "user" role')


def system_messages_have_their_place(sent: Sent) -> None:
    """Instructions in mid-conversation stand after the user and before the assistant."""
    anywhere = (
        "the directive-only form (content: [] with output_config) is accepted at any position"
    )
    messages = sent.messages
    for n in [n for n, message in enumerate(messages) if message["role"] == "system"]:
        if not sent.model.takes_system_messages:
            raise invalid("role 'system' is not supported on this model")
        if messages[n].get("output_config") and not messages[n]["content"]:
            continue
        if not messages[n]["content"]:
            raise invalid(f"messages.{n}: system content must contain at least one block")
        if n == 0:
            raise invalid(
                "messages.0: use the top-level 'system' parameter for the initial system prompt; "
                f"{anywhere}"
            )
        before = blocks_of(messages[n - 1]["content"])
        by_server = before and before[-1]["type"].endswith("_tool_result")
        if messages[n - 1]["role"] == "assistant" and not by_server:
            raise invalid(
                f"messages.{n}: role 'system' must follow a 'user' message or an 'assistant' "
                f"message ending in a server tool result; {anywhere}"
            )
        if [message["role"] for message in messages[n + 1 : n + 2]] == ["user"]:
            raise invalid(
                f"messages.{n}: role 'system' must precede an 'assistant' message or end the "
                f"array; {anywhere}"
            )
        if any(not block["text"].strip() for block in _texts(messages[n])):
            raise invalid(f"messages.{n}: system text blocks must contain non-whitespace text")


def _texts(message: Block) -> list[Block]:
    return [block for block in blocks_of(message["content"]) if block["type"] == "text"]


def messages_have_content(sent: Sent) -> None:
    """Something is said in each turn; only the assistant's last message may be empty."""
    for turn in sent.turns[: -1 if sent.turns[-1].role == "assistant" else None]:
        if turn.blocks and turn.role == "user":
            continue  # of messages that are merged, one is enough
        for n in turn.messages:
            if turn.role == "user":
                raise invalid(f"messages.{n}: user messages must have non-empty content")
            if not sent.messages[n]["content"]:
                raise invalid(
                    f"messages.{n}: all messages must have non-empty content except for the "
                    "optional final assistant message"
                )


def texts_have_text(sent: Sent) -> None:
    """A text block says something, wherever it stands."""
    of_the_system = {f"messages.{n}" for n, m in enumerate(sent.messages) if m["role"] == "system"}
    for path, block in sent.cacheable:
        if block.get("type") != "text" or block["text"].strip():
            continue
        if message_of(path) in of_the_system:
            continue  # has words of its own for this
        where = "system" if path.startswith("system") else "messages"
        empty = "contain non-whitespace text" if block["text"] else "be non-empty"
        raise invalid(f"{where}: text content blocks must {empty}")
    for message in sent.messages:
        text = message["content"]
        if message["role"] != "system" and isinstance(text, str) and text and not text.strip():
            raise invalid("messages: text content blocks must contain non-whitespace text")


def blocks_stand_in_their_role(sent: Sent) -> None:
    """Users bring results, documents and images; the assistant thinks and asks for tools."""
    for turn in sent.turns:
        for path, block in turn.blocks:
            kind, message = block["type"], message_of(path)
            if turn.role == "user" and kind in ("thinking", "redacted_thinking"):
                raise invalid(
                    f"{message}.content: thinking blocks may only be in `assistant` messages"
                )
            by_server = kind.endswith("_tool_result") and kind != "mcp_tool_result"
            if turn.role == "user" and (kind in ("tool_use", "server_tool_use") or by_server):
                raise invalid(f"{message}: `{kind}` blocks can only be in `assistant` messages")
            if turn.role == "assistant" and kind == "tool_result":
                raise invalid(f"{message}: `{kind}` blocks can only be in `user` messages")
            newest = sent.version >= NEWEST_VERSION
            media = ["image", "search_result", *(["document"] if newest else [])]
            if turn.role == "assistant" and kind in media:
                raise invalid(
                    f"{message}.content: '{kind}' blocks are not permitted within assistant turns."
                )


def ids_are_plain(sent: Sent) -> None:
    """Ids of tool calls are letters, digits, hyphens and underscores."""
    for path, block in sent.blocks:
        kind = block["type"]
        for name, pattern in _IDS.get(kind, {}).items():
            if not re.fullmatch(pattern, block[name]):
                raise invalid(f"{path}.{kind}.{name}: String should match pattern '^{pattern}$'")
        if kind == "tool_use" and not 1 <= len(block["name"]) <= 200:
            much = "at most 200 characters" if block["name"] else "at least 1 character"
            raise invalid(f"{path}.tool_use.name: String should have {much}")


def call_ids_are_unique(sent: Sent) -> None:
    """No two tool calls share an id."""
    seen: set[str] = set()
    for path, block in (placed for turn in sent.turns for placed in turn.of_type("tool_use")):
        if block["id"] in seen:
            raise invalid(f"{path}: `tool_use` ids must be unique")
        seen.add(block["id"])


def calls_are_answered(sent: Sent) -> None:
    """Results come first in the next message: text before them hides them."""
    for turn, after in zip(sent.turns, [*sent.turns[1:], None], strict=True):
        results = after.leading("tool_result") if after else []
        answered = {block["tool_use_id"] for _, block in results}
        missing = [(p, b["id"]) for p, b in turn.of_type("tool_use") if b["id"] not in answered]
        if missing:
            raise invalid(
                f"{message_of(missing[0][0])}: `tool_use` ids were found without `tool_result` "
                f"blocks immediately after: {', '.join(i for _, i in missing)}. Each `tool_use` "
                "block must have a corresponding `tool_result` block in the next message."
            )


def results_were_asked_for(sent: Sent) -> None:
    """Each result answers one call of the message before, once."""
    for before, turn in zip([None, *sent.turns], sent.turns, strict=False):
        asked = {block["id"] for _, block in before.of_type("tool_use")} if before else set()
        seen: set[str] = set()
        for path, block in turn.of_type("tool_result"):
            tool_use_id = block["tool_use_id"]
            if tool_use_id not in asked:
                raise invalid(
                    f"{path}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{tool_use_id}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message."
                )
            if tool_use_id in seen:
                raise invalid(
                    f"{path}: each tool_use must have a single result. Found multiple "
                    f"`tool_result` blocks with id: {tool_use_id}"
                )
            seen.add(tool_use_id)


def server_tools_are_answered(sent: Sent) -> None:
    """What the API's own tools were asked and what they found stand in the same turn."""
    for turn in sent.turns:
        asked: dict[str, tuple[str, str]] = {}
        for path, block in turn.blocks:
            kind = block["type"]
            if kind == "server_tool_use":
                asked[block["id"]] = (path, block["name"])
            elif kind.endswith("_tool_result") and kind != "mcp_tool_result":
                if block["tool_use_id"] not in asked:
                    raise invalid(
                        f"{path}: unexpected `tool_use_id` found in `{kind}` blocks: "
                        f"{block['tool_use_id']}. Each `{kind}` block must have a corresponding "
                        "`server_tool_use` block before it."
                    )
                asked.pop(block["tool_use_id"])
        if asked and turn is not sent.turns[-1]:
            tool_use_id, (path, name) = next(iter(asked.items()))
            raise invalid(
                f"{message_of(path)}: `{name}` tool use with id `{tool_use_id}` was found without "
                f"a corresponding `{name}_tool_result` block"
            )


def errors_are_explained(sent: Sent) -> None:
    """A tool that failed says why, in text."""
    for path, block in sent.blocks:
        if block["type"] != "tool_result" or not block.get("is_error"):
            continue
        if not block.get("content"):
            raise invalid(f"{path}.tool_result: content cannot be empty if `is_error` is true")
        if any(part["type"] != "text" for part in blocks_of(block["content"])):
            raise invalid(
                f'{path}.tool_result: all content must be type "text" if `is_error` is true'
            )


def ends_with_the_user(sent: Sent) -> None:
    """Newer models don't continue the assistant's words; older ones not after white space."""
    last = sent.turns[-1]
    if last.role != "assistant" or not last.blocks or sent.messages[-1]["role"] == "system":
        return
    if last.blocks[-1][1]["type"].endswith("_tool_result"):
        return  # a turn that was paused for a server tool goes on
    if not sent.model.takes_prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    text = last.blocks[-1][1].get("text", "")
    if text != text.rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")


# Images and documents.


def urls_are_secure(sent: Sent) -> None:
    """Nothing is fetched unencrypted."""
    for source in sent.sources:
        if source["type"] == "url" and not source["url"].startswith("https://"):
            raise invalid("Only HTTPS URLs are supported.")


def images_are_images(sent: Sent) -> None:
    """What is sent as an image is one, of the type it says, and not too large."""
    images = [(path, block["source"]) for path, block in sent.blocks if block["type"] == "image"]
    request = "for many-image requests" if len(images) > _MANY_IMAGES else ""
    for path, source in images:
        if source["type"] != "base64":
            continue
        where, size = f"{path}.image.source.base64", len(source["data"])
        if not size:
            raise invalid(f"{where}: image cannot be empty")
        if (data := data_bytes(source["data"])) is None:
            raise invalid(f"{where}.data: Invalid base64 data")
        if size > _MOST_IMAGE_BYTES:
            raise invalid(
                f"{where}: image exceeds 10 MB maximum: {size} bytes > {_MOST_IMAGE_BYTES} bytes"
            )
        if (found := read_image(data)) is None:
            raise invalid("Could not process image")
        kind, pixels = found
        if kind != source["media_type"]:
            raise invalid(
                f"{where}: The image was specified using the {source['media_type']} media type, "
                f"but the image appears to be a {kind} image"
            )
        if pixels > (most := _MOST_PIXELS[request]):
            allowed = " ".join(filter(None, ["max allowed size", request]))
            raise invalid(
                f"{where}.data: At least one of the image dimensions exceed {allowed}: "
                f"{most} pixels"
            )


def media_are_few(sent: Sent) -> None:
    """A hundred images and documents, or six hundred where the context is large."""
    kinds = [block["type"] for _, block in sent.blocks]
    images, documents = kinds.count("image"), kinds.count("document")
    most = 100 if sent.model.context_tokens <= 200_000 else 600
    if images + documents > most:
        raise invalid(f"too many images and documents: {images} + {documents} > {most}")


def documents_are_documents(sent: Sent) -> None:
    """A PDF is one, and citations are wanted of all documents or of none."""
    documents = [(p, b) for p, b in sent.blocks if b["type"] == "document"]
    for path, block in documents:
        source = block["source"]
        if source["type"] == "base64":
            data = data_bytes(source["data"])
            if data is None:
                raise invalid(f"{path}.document.source.base64.data: Invalid base64 data")
            if not data.startswith(b"%PDF-"):
                raise invalid(f"{path}.pdf.source.base64.data: The PDF specified was not valid.")
        for name, most in (("title", 500), ("context", math.inf)):
            if (text := block.get(name)) is not None and not 1 <= len(text) <= most:
                much = f"at most {most} characters" if text else "at least 1 character"
                raise invalid(f"{path}.document.{name}: String should have {much}")
    found = [(p, b) for p, b in sent.blocks if b["type"] == "search_result"]
    if len(_cited(found)) > 1:
        raise invalid("messages: citations must be enabled on all search results or none")
    cited = _cited(documents)
    if len(cited) > 1:
        raise invalid("messages: citations must be enabled on all documents or none")
    if True in cited and sent.output_schema is not None:
        raise invalid("output_config.format: structured outputs cannot be used with citations")


def _cited(blocks: list[Placed]) -> set[bool]:
    return {bool((block.get("citations") or {}).get("enabled")) for _, block in blocks}


def files_are_known(sent: Sent) -> None:
    """Files can't be uploaded here, so none is known: 404 `not_found_error`."""
    for _, block in sent.blocks:
        source = block.get("source")
        if isinstance(source, dict) and source.get("type") == "file":
            raise ApiError(404, f"File not found: {source['file_id']}")


def citations_stay_with_the_assistant(sent: Sent) -> None:
    """Since 2026-10-21 only the assistant's text carries citations."""
    for turn in sent.turns:
        for path, block in turn.of_type("text"):
            if block.get("citations") and turn.role == "user" and sent.version >= NEWEST_VERSION:
                raise invalid(f"{path}.text.citations: Extra inputs are not permitted")


# Structured output.


def output_schema_is_strict(sent: Sent) -> None:
    """The answer's schema is a JSON schema without room for surprises, and nothing is begun."""
    if (schema := sent.output_schema) is None:
        return
    if error := schema_error(schema) or strictness_error(schema):
        raise invalid(f"output_config.format.schema: {error}")
    if sent.turns[-1].role == "assistant" and sent.turns[-1].blocks:
        raise invalid("output_config.format: cannot be used with a prefilled assistant message")


Rule = Callable[[Sent], None]

COUNT_RULES: tuple[Rule, ...] = (
    *(tool_choice_has_tools, tools_are_named, tool_names_are_unique),
    *(tool_schemas_are_schemas, strict_tools_are_strict, examples_fit_their_schema),
    *(deferred_tools_wait, searches_are_bounded, mcp_servers_have_toolsets),
    *(there_are_messages, messages_have_content),
    *(cache_markers_are_on_text, texts_have_text, blocks_stand_in_their_role, ids_are_plain),
    *(call_ids_are_unique, calls_are_answered, results_were_asked_for),
    *(server_tools_are_answered, errors_are_explained, references_are_to_tools),
    urls_are_secure,
    *(images_are_images, documents_are_documents, files_are_known),
    *(citations_stay_with_the_assistant, budget_leaves_room, thinking_goes_with_a_free_choice),
    *(few_cache_markers, long_lived_cache_comes_first, output_schema_is_strict),
    *(model_exists, media_are_few, system_messages_have_their_place, thinking_suits_the_model),
    *(effort_suits_the_model, thinking_starts_the_turn, thinking_is_unchanged),
    *(ends_with_the_user, prompt_fits),
)
"""For `count_tokens`, in the order in which they are tried: what the model can do comes last."""

MESSAGE_RULES: tuple[Rule, ...] = (
    *(keeps_no_threads, sampling_is_taken, *COUNT_RULES),
    *(max_tokens_within_cap, stop_sequences_have_text, user_id_is_opaque),
    *(geography_is_known, container_has_its_tool),
)
"""For `messages`: writing an answer takes a little more than counting."""
