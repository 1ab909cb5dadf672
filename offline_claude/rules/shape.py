"""Structure: the SDK's own request types as a schema, so that the two can't drift apart."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Optional, Union, get_args, get_origin

import typing_extensions as te
from pydantic import BaseModel, ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError

from offline_claude.errors import ApiError, invalid

_MESSAGE = re.compile(r"messages\.\d+")
_SHAPELESS = re.compile(r"metadata|output_config|system\.\d+")
_SYSTEM_BLOCK = re.compile(r"(messages\.\d+)\.content\.\d+\.type")
"""Only system messages have a single type of block, and so an error without a tag."""

_HIDDEN = "·"
"""Prefix of our own tags, which the API's paths don't show."""

_OLDER = {"temperature": float, "top_p": float, "top_k": int}
"""Fields that older clients send and the SDK no longer has; a rule decides who may."""

_NULLABLE = frozenset({"metadata", "stop_sequences"})
"""Fields in which the API accepts null, besides the SDK's optional ones."""

_ORDER = (
    "type",
    "model",
    "tool_choice",
    "tools",
    "messages",
    "system",
    "thinking",
    "output_config",
    "cache_control",
    "max_tokens",
    "metadata",
    "stop_sequences",
    "temperature",
    "service_tier",
    "top_k",
    "top_p",
    "stream",
    "container",
    "inference_geo",
)
"""The order in which the API looks at fields: of several errors it reports the first."""

_HEADERS = {"betas", "user_profile_id", "workspace_id"}
"""Parameters of the SDK's methods that travel as headers."""

Endpoint = Literal["messages", "count_tokens"]


def check_shape(body: object, endpoint: Endpoint, *, beta: bool) -> dict[str, Any]:
    """Check a request body against the SDK's request types.

    Args:
        body: The parsed JSON.
        endpoint: Which endpoint it was sent to.
        beta: Whether the request asks for betas, which have more fields and types of blocks.

    Returns:
        The body; its fields have the SDK's types.

    Raises:
        ApiError: 400, the first error in its structure.
    """
    if not isinstance(body, dict):
        raise invalid("Input should be an object")
    try:
        _adapter(endpoint, beta).validate_python(body)
    except ValidationError as err:
        raise _in_the_apis_words(err) from None
    return body


@cache
def _adapter(endpoint: Endpoint, beta: bool) -> TypeAdapter[Any]:
    # Imported late: it takes seconds.
    from anthropic.types import message_count_tokens_params, message_create_params
    from anthropic.types.beta import BetaOutputConfigParam
    from anthropic.types.beta import message_count_tokens_params as beta_count_tokens_params
    from anthropic.types.beta import message_create_params as beta_create_params

    if endpoint == "count_tokens":
        counted = beta_count_tokens_params if beta else message_count_tokens_params
        return TypeAdapter(_object(counted.MessageCountTokensParams))
    created: Any = beta_create_params if beta else message_create_params
    more: dict[str, Any] = {"stream": bool, **_OLDER}
    if beta:  # the old name of `output_config.format`
        more["output_format"] = te.get_type_hints(BetaOutputConfigParam)["format"]
    return TypeAdapter(_object(created.MessageCreateParamsBase, more=more, nullable=_NULLABLE))


def load() -> None:
    """Import the SDK's types and build every schema, which takes a second or three."""
    for endpoint in ("messages", "count_tokens"):
        for beta in (False, True):
            _adapter(endpoint, beta)


def _in_the_apis_words(err: ValidationError) -> ApiError:
    first = err.errors(include_url=False)[0]
    kind, context, value = first["type"], first.get("ctx", {}), first["input"]
    path = ".".join(str(p) for p in first["loc"] if not str(p).startswith(_HIDDEN))
    is_message = bool(_MESSAGE.fullmatch(path))
    message = {
        "list_type": "Input should be a valid array",
        "dict_type": "Input should be an object",
    }.get(kind, first["msg"])
    if path.endswith(".input"):
        message = first["msg"]  # the one place where the API still says "dictionary"
    if kind == "dict_type" and _SHAPELESS.fullmatch(path):
        message = "Input does not match the expected shape."
    if kind == "literal_error" and (system := _SYSTEM_BLOCK.fullmatch(path)):
        return invalid(
            f"{system[1]}: role 'system' supports text, tool_addition, and tool_removal blocks only"
        )
    if kind == "union_tag_not_found":
        message = "Input should be an object"
        if isinstance(value, dict):
            path, message = f"{path}.{'role' if is_message else 'type'}", "Field required"
    elif kind == "union_tag_invalid":
        tag, tags = (str(context[k]).replace(_HIDDEN, "") for k in ("tag", "expected_tags"))
        if is_message:
            return invalid(
                f'messages: Unexpected role "{tag}". Allowed roles are "user" or "assistant"'
            )
        message = (
            f"Input tag '{tag}' found using 'type' does not match any of the expected tags: {tags}"
        )
    return invalid(f"{path}: {message}")


def _wire(annotation: Any) -> Any:
    """Turn one of the SDK's annotations into the part of it that JSON can express."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Annotated, te.Required, te.NotRequired):
        return _wire(arguments[0])
    if te.is_typeddict(annotation):
        return _object(annotation)
    if origin in (Union, types.UnionType):
        return _union(list(_flat(arguments)))
    if origin in (list, Iterable, Sequence):
        return list[_wire(arguments[0])]  # type: ignore[misc]
    if origin in (dict, Mapping):
        return dict[str, Any]
    return Any if annotation is object else annotation


_built: dict[Any, Any] = {}


def _object(
    source: Any,
    *,
    more: Mapping[str, Any] | None = None,
    nullable: frozenset[str] = frozenset(),
    extra: Literal["allow", "forbid"] = "forbid",
) -> Any:
    """Rebuild a TypedDict so that it refuses unknown fields."""
    if (source, nullable) in _built:
        return _built[source, nullable]
    fields = dict(more or {})
    for name, hint in te.get_type_hints(source, include_extras=True).items():
        if name in _HEADERS:
            continue
        wire = Optional[_wire(hint)] if name in nullable else _wire(hint)  # noqa: UP045
        fields[name] = (te.Required if _is_required(source, name) else te.NotRequired)[wire]
    # The API looks at `type` first, and at a request's fields in their order.
    order = sorted(fields, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    built = te.TypedDict(source.__name__, {name: fields[name] for name in order}, total=False)  # type: ignore[misc]
    setattr(built, "__pydantic_config__", ConfigDict(extra=extra, strict=True))  # noqa: B010
    _built[source, nullable] = built
    return built


def _is_required(source: Any, name: str) -> bool:
    # `__required_keys__` is empty, as the SDK's modules postpone annotations.
    origin: Any = get_origin(te.get_type_hints(source, include_extras=True)[name])
    return origin is te.Required or (source.__total__ and origin is not te.NotRequired)


def _flat(annotations: Iterable[Any]) -> Iterable[Any]:
    """The alternatives of a union, and of the unions in it, that JSON can express."""
    for annotation in annotations:
        if get_origin(annotation) is Annotated:
            yield from _flat(get_args(annotation)[:1])
        elif get_origin(annotation) in (Union, types.UnionType):
            yield from _flat(get_args(annotation))
        elif _kind(annotation) is not None:
            yield annotation


def _kind(annotation: Any) -> str | None:
    """The kind of JSON value that an annotation stands for, if any."""
    origin = get_origin(annotation)
    if te.is_typeddict(annotation) or origin is dict:
        return "object"
    if origin in (list, Iterable, Sequence):
        return "array"
    if origin is Literal:
        return _kind_of(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "response"
    simple = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    # The rest are open files, which exist only in a Python program.
    return simple.get(annotation)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _union(alternatives: list[Any]) -> Any:
    by_kind: dict[str, list[Any]] = {}
    for alternative in alternatives:
        by_kind.setdefault(str(_kind(alternative)), []).append(alternative)
    optional = by_kind.pop("null", None) is not None
    replies = by_kind.pop("response", [])
    each = {kind: _alternatives(some, replies) for kind, some in by_kind.items()}
    if len(each) == 1:
        [merged] = each.values()
    else:
        # Where text or blocks may come and neither does, the API asks for blocks.
        expected = "array" if "array" in each else next(iter(each))

        def by_json_kind(value: Any) -> str:
            kind = _kind_of(value)
            return _HIDDEN + (kind if kind in each else expected)

        tagged = _any_of(Annotated[wire, Tag(_HIDDEN + kind)] for kind, wire in each.items())
        merged = Annotated[tagged, Discriminator(by_json_kind)]
    return Optional[merged] if optional else merged  # noqa: UP045


def _alternatives(same_kind: list[Any], replies: list[type[BaseModel]]) -> Any:
    """The type for several of the same kind: of objects, the one that `type` or `role` names."""
    objects = [a for a in same_kind if te.is_typeddict(a)]
    if not objects:
        return str if str in same_kind else _any_of(_wire(a) for a in same_kind)
    if len(objects) == 1 and "CacheControl" not in objects[0].__name__:  # has one type so far
        # Next to a plain dict, a TypedDict lists only some of the fields.
        return _object(objects[0], extra="allow" if len(same_kind) > 1 else "forbid")
    key = "type" if all("type" in te.get_type_hints(o) for o in objects) else "role"
    hidden = "" if key == "type" else _HIDDEN
    by_tag = {tag: o for o in objects for tag in _tags(te.get_type_hints(o)[key])}
    untagged = next((t for t, o in by_tag.items() if not _is_required(o, key)), None)
    # A reply may be sent back as it came, with null for absent fields.
    null = {tag: _nullable(r) for r in replies for tag in _tags(r.model_fields[key].annotation)}

    def by_tag_value(value: Any) -> str | None:
        tag = value.get(key) or untagged if isinstance(value, dict) else None
        return None if tag is None else f"{hidden}{tag}"

    # The API lists tags by name, but those of tool choices as they are documented.
    listed = by_tag.items() if "auto" in by_tag else sorted(by_tag.items())
    tagged = _any_of(
        Annotated[_object(o, nullable=null.get(tag, frozenset())), Tag(hidden + tag)]
        for tag, o in listed
    )
    return Annotated[tagged, Discriminator(by_tag_value)]


def _any_of(annotations: Iterable[Any]) -> Any:
    return Union[tuple(annotations)]  # noqa: UP007 - put together while running


def _nullable(reply: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in reply.model_fields.items() if field.default is None)


def _tags(hint: Any) -> Iterable[str]:
    for part in _flat([hint]):
        yield from (tag for tag in get_args(part) if isinstance(tag, str))
