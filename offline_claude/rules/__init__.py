"""The rules of the Messages API: structure first, then a function for each rule.

A stand-in that accepts requests the API rejects would teach bugs. `shape` checks fields and types
with the SDK's own request types. The rules beyond structure, in the other modules, raise the
API's status, type and wording, as seen in its documentation and in public threads; a refusal is
400 `invalid_request_error` unless a rule says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from offline_claude import schemas
from offline_claude.request import Sent
from offline_claude.rules import (
    cache,
    fields,
    media,
    messages,
    output,
    shape,
    thinking,
    tool_results,
    tools,
)

Rule = Callable[[Sent], None]
"""Raises `ApiError` when a request breaks it."""

MESSAGE_RULES: tuple[Rule, ...] = (
    fields.keeps_no_threads,
    fields.sampling_is_taken,
    tools.tool_choice_has_tools,
    tools.tools_are_named,
    tools.tool_names_are_unique,
    tools.tool_schemas_are_schemas,
    tools.strict_tools_are_strict,
    tools.examples_fit_their_schema,
    tools.deferred_tools_wait,
    tools.searches_are_bounded,
    tools.mcp_servers_have_toolsets,
    messages.there_are_messages,
    messages.messages_have_content,
    cache.cache_markers_are_on_text,
    messages.texts_have_text,
    messages.blocks_stand_in_their_role,
    tool_results.ids_are_plain,
    tool_results.call_ids_are_unique,
    tool_results.calls_are_answered,
    tool_results.results_were_asked_for,
    tool_results.server_tools_are_answered,
    tool_results.errors_are_explained,
    tools.references_are_to_tools,
    media.urls_are_secure,
    media.images_are_images,
    media.documents_are_documents,
    media.files_are_known,
    media.citations_stay_with_the_assistant,
    thinking.budget_leaves_room,
    thinking.thinking_goes_with_a_free_choice,
    cache.few_cache_markers,
    cache.long_lived_cache_comes_first,
    output.output_schema_is_strict,
    fields.model_exists,
    media.media_are_few,
    messages.system_messages_have_their_place,
    thinking.thinking_suits_the_model,
    thinking.effort_suits_the_model,
    thinking.thinking_starts_the_turn,
    thinking.thinking_is_unchanged,
    messages.ends_with_the_user,
    fields.prompt_fits,
    fields.max_tokens_within_cap,
    fields.stop_sequences_have_text,
    fields.user_id_is_opaque,
    fields.geography_is_known,
    fields.container_has_its_tool,
)
"""All rules, in the order in which they run: of several faults, the first is reported."""

_ONLY_FOR_AN_ANSWER = (
    fields.keeps_no_threads,
    fields.sampling_is_taken,
    fields.max_tokens_within_cap,
    fields.stop_sequences_have_text,
    fields.user_id_is_opaque,
    fields.geography_is_known,
    fields.container_has_its_tool,
)

COUNT_RULES = tuple(rule for rule in MESSAGE_RULES if rule not in _ONLY_FOR_AN_ANSWER)
"""The rules for `count_tokens`, whose requests have fewer fields."""


def load() -> None:
    """Import everything that checking takes: a second or three, once."""
    shape.load()
    schemas.load()


def check(body: object, endpoint: shape.Endpoint, *, version: str, beta: bool) -> Sent:
    """Check a request body.

    Args:
        body: The parsed JSON.
        endpoint: "messages" or "count_tokens".
        version: The `anthropic-version` header.
        beta: Whether the request asks for betas.

    Returns:
        The request.

    Raises:
        ApiError: The first thing wrong with it.
    """
    sent = Sent(shape.check_shape(body, endpoint, beta=beta), version)
    for rule in MESSAGE_RULES if endpoint == "messages" else COUNT_RULES:
        rule(sent)
    return sent
