"""`GET /v1/models`: the models a page at a time (the SDK's `ModelListParams`)."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams

from offline_claude.errors import invalid
from offline_claude.models import MODEL_IDS, find_model

_MOST = 1_000
_USUAL = 20
_LIFECYCLES = ("active", "deprecated", "retired")


def page_of_models(query: QueryParams) -> dict[str, Any]:
    """Pick the page that a query asks for.

    Args:
        query: `limit`, `after_id` or `before_id`, and `lifecycle[]`.

    Returns:
        The SDK's `SyncPage`.

    Raises:
        ApiError: 400, a parameter makes no sense.
    """
    limit = _limit(query.get("limit", str(_USUAL)))
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
    limit = int(text) if len(text) < 10 else _MOST + 1
    if limit < 1:
        raise invalid("limit: Input should be greater than or equal to 1")
    if limit > _MOST:
        raise invalid(f"limit: Input should be less than or equal to {_MOST}")
    return limit


def _place(ids: list[str], cursor: str, name: str) -> int:
    if cursor not in ids:
        raise invalid(f"{name}: there is no model {cursor} in this list")
    return ids.index(cursor)
