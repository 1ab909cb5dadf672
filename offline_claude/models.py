"""The models of the offline Claude: the SDK's own list, what each can do, and `GET /v1/models`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from offline_claude.errors import ApiError, invalid

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

MODEL_IDS = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-mythos-preview",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-5",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5",
    "claude-sonnet-4-5-20250929",
)

_MOST_MODELS = 1_000
_USUAL_MODELS = "20"
_LIFECYCLES = ("active", "deprecated", "retired")

EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING = ("adaptive", "between_tools", "disabled", "enabled")

_NAME = re.compile(r"claude-(?P<line>[a-z]+)-(?:preview|(?P<major>\d)(?:-(?P<minor>\d)(?!\d))?)")


@dataclass(frozen=True)
class Model:
    """One model, with what its generation accepts.

    Attributes:
        id: Its id.
        line: "haiku", "sonnet", "opus", "fable" or "mythos".
        version: Major and minor version, such as (4, 5).
    """

    id: str
    line: str
    version: tuple[int, int]

    @property
    def context_tokens(self) -> int:
        """The size of its context window."""
        return 200_000 if self.version <= (4, 5) else 1_000_000

    @property
    def max_output_tokens(self) -> int:
        """The most tokens that it writes in one reply."""
        return 64_000 if self.version <= (4, 5) else 128_000

    @property
    def takes_prefill(self) -> bool:
        """Whether a conversation may end with the beginning of its reply."""
        return self.version <= (4, 5)

    @property
    def takes_sampling(self) -> bool:
        """Whether `temperature` and its siblings may differ from their defaults."""
        return self.version <= (4, 6)

    @property
    def takes_system_messages(self) -> bool:
        """Whether messages of role "system" may stand between the others."""
        return self.version >= (4, 8)

    @property
    def thinking(self) -> frozenset[str]:
        """The values of `thinking.type` that it accepts."""
        newest = self.version >= (5, 5) and self.line in ("opus", "sonnet")
        return frozenset(
            kind
            for kind, taken in {
                "enabled": self.version <= (4, 6),
                "adaptive": self.version >= (4, 6),
                "disabled": self.line not in ("fable", "mythos") and not newest,
                "between_tools": newest and self.line == "sonnet",
            }.items()
            if taken
        )

    @property
    def thinking_display(self) -> str:
        """How thinking is shown by default: "summarized" or "omitted"."""
        return "summarized" if self.version <= (4, 6) else "omitted"

    @property
    def efforts(self) -> tuple[str, ...]:
        """The values of `output_config.effort` that it accepts."""
        if self.version <= (4, 5):
            return ("low", "medium", "high") if self.line == "opus" else ()
        return EFFORTS if self.version >= (4, 7) else tuple(e for e in EFFORTS if e != "xhigh")

    @property
    def thinking_for_less_effort(self) -> tuple[str, ...]:
        """The values of `thinking.type` with which it refuses the highest efforts."""
        limited = ("opus", (5, 0)), ("haiku", (5, 5))
        disabled = ("disabled",) if (self.line, self.version) in limited else ()
        return (*disabled, "between_tools")

    @property
    def snapshot(self) -> str:
        """The id with its date, if this one is short for it."""
        dated = (m for m in MODEL_IDS if m.startswith(f"{self.id}-2"))
        return next(dated, self.id)

    @property
    def least_cached_tokens(self) -> int:
        """The shortest prefix that its prompt cache keeps."""
        if self.version >= (5, 0):
            return 1_024 if self.line in ("sonnet", "haiku") else 512
        if self.line == "sonnet" or self.version == (4, 8):
            return 1_024
        return 2_048 if self.version == (4, 7) or self.line == "mythos" else 4_096

    def info(self) -> dict[str, Any]:
        """Describe the model as the SDK's `ModelInfo`; dates are the epoch, as for unknown ones."""
        version = ".".join(str(part) for part in self.version if part)
        return {
            "type": "model",
            "id": self.id,
            "display_name": f"Claude {self.line.title()} {version} (offline Claude)",
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
            "line": self.line,
            "deprecated_at": None,
            "retires_at": None,
            "max_input_tokens": self.context_tokens,
            "max_tokens": self.max_output_tokens,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> dict[str, Any]:
        def supported(value: bool) -> dict[str, Any]:
            return {"supported": value}

        efforts = {level: supported(level in self.efforts) for level in EFFORTS}
        kinds = {kind: supported(kind in self.thinking) for kind in THINKING}
        return {
            "batch": supported(False),
            "citations": supported(True),
            "code_execution": supported(False),
            "context_management": supported(False),
            "effort": {**supported(bool(self.efforts)), **efforts},
            "image_input": supported(True),
            "pdf_input": supported(True),
            "server_tools": {
                **supported(False),
                "code_execution": supported(False),
                "web_search": supported(False),
            },
            "structured_outputs": supported(True),
            "thinking": {**supported(True), "types": kinds},
        }


def find_model(model_id: str) -> Model:
    """Look up a model by its id.

    Raises:
        ApiError: 404, there is no such model.
    """
    if model_id not in MODEL_IDS or not (found := _NAME.match(model_id)):
        raise ApiError(404, f"model: {model_id}")
    major, minor = int(found["major"] or 4), int(found["minor"] or (0 if found["major"] else 6))
    return Model(model_id, found["line"], (major, minor))


def page_of_models(query: QueryParams) -> dict[str, Any]:
    """Pick the page that a query of `GET /v1/models` asks for, as the SDK's `SyncPage`.

    Raises:
        ApiError: 400, a parameter makes no sense.
    """
    limit = _limit(query.get("limit", _USUAL_MODELS))
    after, before = query.get("after_id"), query.get("before_id")
    if after and before:
        raise invalid("before_id: Only one of before_id and after_id may be given")
    wanted = query.getlist("lifecycle[]") or query.getlist("lifecycle") or _LIFECYCLES[:2]
    for lifecycle in wanted:
        if lifecycle not in _LIFECYCLES:
            raise invalid("lifecycle: Input should be 'active', 'deprecated' or 'retired'")
    models = [info for m in MODEL_IDS if (info := find_model(m).info())["lifecycle"] in wanted]
    ids = [model["id"] for model in models]
    if before:
        end = _place(ids, before, "before_id")
        page = models[max(0, end - limit) : end]
        has_more = end > limit
    else:
        start = _place(ids, after, "after_id") + 1 if after else 0
        page = models[start : start + limit]
        has_more = start + limit < len(models)
    return {
        "data": page,
        "has_more": has_more,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _limit(text: str) -> int:
    if not text.lstrip("-").isdecimal() or not text.isascii():
        raise invalid("limit: Input should be a valid integer")
    limit = int(text) if len(text) < 10 else _MOST_MODELS + 1
    if limit < 1:
        raise invalid("limit: Input should be greater than or equal to 1")
    if limit > _MOST_MODELS:
        raise invalid(f"limit: Input should be less than or equal to {_MOST_MODELS}")
    return limit


def _place(ids: list[str], cursor: str, name: str) -> int:
    if cursor not in ids:
        raise invalid(f"{name}: there is no model {cursor} in this list")
    return ids.index(cursor)
