"""HTML whose values are never markup: all of the course's HTML is put together here."""

from __future__ import annotations

from html import escape

from agentkit.messages import printable


class Html(str):
    """A piece of HTML that is safe as it is."""

    __slots__ = ()


def markup(template: str, *values: object, **named: object) -> Html:
    """Fill a template of ours, as `str.format` does; values become text that shows everything.

    Args:
        template: HTML with a `{}` for each value; never made of values itself.
        *values: Text, whose markup is escaped and whose invisible characters are shown; `Html`,
            which stays; or a list of these.
        **named: Values for placeholders with names.
    """
    safe = {name: _safe(value) for name, value in named.items()}
    return Html(template.format(*map(_safe, values), **safe))


def _safe(value: object) -> str:
    if isinstance(value, Html):
        return value
    if isinstance(value, list):
        return "".join(map(_safe, value))
    return escape(printable(str(value), newlines=True))
