"""No text becomes markup on a page, and none of it is invisible: cards, tables, plots, panels."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import classroom
from agentkit import Messages, ToolCall
from agentkit.approvals import AuditEntry, Terms
from agentkit.approvals.requests import ApprovalRequest, Pending, digest_of
from agentkit.history import Step
from classroom.show import Table, transcript
from classroom.show.approval_card import ApprovalCard
from classroom.show.markup import Html, markup
from classroom.show.panel import WorkerPanel
from classroom.show.plots import Gantt, Lines
from tests.support.terminals import HOSTILE, hidden

TEXTS = st.text(st.characters(), max_size=60)


class Page(HTMLParser):
    """What a browser makes of HTML: its elements and attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(" ".join([tag, *sorted(name for name, _ in attrs)]))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.elements.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.elements.append("declaration")

    handle_pi = handle_comment
    unknown_decl = handle_comment


def same_page(html: Callable[[str], str], text: str) -> Page:
    """Check that a text adds nothing to a page but text, and hides nothing; return the page."""
    shown, plain = Page(html(text)), Page(html("plain"))
    assert shown.elements == plain.elements
    assert hidden(html(text), but="\n") == ""
    return shown


def request(text: str) -> ApprovalRequest:
    call = ToolCall("toolu_1", text, {text: text, "amount": 5, "list": [text]})
    terms = Terms(timedelta(days=1))
    asked_at = datetime(2026, 1, 2, tzinfo=UTC)
    unsigned = ApprovalRequest(call, terms, text, text, "run", "run", asked_at)
    return ApprovalRequest(call, terms, text, text, "run", "run", asked_at, digest_of(unsigned))


SVG = {"svg", "g", "defs", "use", "path", "rect", "text", "clippath", "style", "figure"}
SVG |= {"metadata", "rdf:rdf", "cc:work", "cc:agent", "dc:type", "dc:format", "dc:creator"}
SVG |= {"dc:title", "dc:date"}


@settings(max_examples=100, deadline=None)
@given(TEXTS)
@example(HOSTILE)
@example("&lt;b&gt; {} {0.__class__}")
def test_text_in_a_template_stays_text(text: str) -> None:
    page = same_page(lambda t: markup("<p title='{}'>{}</p><b>{x}</b>", t, [t, t], x=t), text)
    assert page.elements == ["p title", "b"]
    if text.isprintable() and "\u2800" not in text and not hidden(text):
        assert page.text == text * 3
    assert markup("{}", Html("<br>")) == "<br>"


@settings(max_examples=100, deadline=None)
@given(TEXTS)
@example(HOSTILE)
def test_a_table_has_its_cells_and_no_other_element(text: str) -> None:
    def table(text: str) -> Table:
        return Table([{text: text, f"{text}2": [text]}, {text: 1, f"{text}2": text}])

    same_page(lambda t: table(t)._repr_html_(), text)
    assert hidden(repr(table(text)), but="\n") == ""
    assert len(repr(table(text)).split("\n")) == 4


@settings(max_examples=100, deadline=None)
@given(TEXTS)
@example(HOSTILE)
def test_a_transcript_has_a_line_for_each_block(text: str) -> None:
    blocks = [
        {"type": "text", "text": text},
        {"type": "tool_use", "id": "1", "name": text, "input": {text: text}},
        {"type": f"other {text}"},
    ]
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"text": text}]}
    conversation = [
        {"role": "user", "content": text},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [result]},
    ]
    for width in (0, 20):
        shown = transcript(cast("Messages", conversation), width=width)
        assert hidden(shown, but="\n") == ""
        assert len(shown.split("\n")) == 5


@pytest.mark.parametrize("text", [HOSTILE, "$a_{$ \\frac$", "--><b>"])
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_a_plot_has_no_element_but_its_own(text: str) -> None:
    for plot in (
        lambda t: Lines({t: [1.0, 2.0]}, x=t, y=t),
        lambda t: Gantt({t: [Step(t, 1, state="completed", scheduled_at=1.0, ended_at=2.0)]}),
    ):
        page = Page(plot(text)._repr_html_())
        assert {e.split()[0] for e in page.elements} <= SVG
        assert hidden(plot(text)._repr_html_(), but="\n") == ""
        assert hidden(repr(plot(text)), but="\n") == ""


async def test_a_card_shows_everything_and_holds_only_its_own_elements() -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.text(st.characters(codec="utf-8"), max_size=60))  # all that a payload can hold
    @example(HOSTILE)
    def check(text: str) -> None:
        def html(text: str) -> str:
            given = request(text)
            card = ApprovalCard(cast(Any, None), Pending(given), reviewer=text)
            card._typed(None)
            card.edit.click()
            assert json.loads(card.arguments.value) == given.arguments
            card.arguments.value = json.dumps({text: text + "new", "new": 1})
            parts = [card.children[0], card.countdown, card.status, card.problem]
            seen = [part.value for part in parts]
            decided = AuditEntry(given.asked_at, "rejected", "1", "pay", by=text, note=text)
            card._show(decided)
            plain = [card.message, repr(card), card.approve.tooltip, card.reject.tooltip]
            assert hidden("".join(plain)) == ""
            card.close()
            return "".join([*seen, card.status.value])

        same_page(html, text)

    check()


async def test_a_card_shows_arguments_first_and_its_buttons_name_what_they_decide() -> None:
    given = request("refund")
    card = ApprovalCard(cast(Any, None), Pending(given), reviewer="ann")
    html = card.children[0].value
    assert html.index("amount") < html.index("Why: ") < html.index("Asked by: ")
    for button, word in ((card.approve, "Approve"), (card.reject, "Reject")):
        assert button.tooltip == f"{word} refund, digest {given.digest[:12]}"
    card.close()


async def test_a_card_counts_what_it_does_not_show() -> None:
    given = request("x" * 4_000)
    card = ApprovalCard(cast(Any, None), Pending(given), reviewer="ann")
    page = Page(card.children[0].value)
    (cut,) = re.findall("… ([0-9,]+) more characters: press Edit arguments", page.text)
    characters = len("x" * 4_000) * 3 + len("amount5list[]''")
    assert int(cut.replace(",", "")) == characters - 10_000
    assert json.loads(card.arguments.value) == given.arguments
    card.close()


async def test_a_panel_shows_a_workers_words_as_text() -> None:
    def html(text: str) -> str:
        worker = SimpleNamespace(name=text, status=text, alive=False, pid=0, start=0, kill=0)
        worker.restart = None
        panel = WorkerPanel(cast(Any, worker))
        panel._problem = text
        panel.refresh()
        panel.close()
        return str(panel.status.value)

    same_page(html, HOSTILE)


def test_all_html_of_the_course_is_made_by_markup() -> None:
    tag = re.compile(r"</\w|<(a|b|div|em|figure|i|img|p|pre|span|table|td|th|tr)\b[^:]")
    found = []
    for file in Path(classroom.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text("utf8"))
        filled: set[ast.AST] = set()
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "markup":
                template = node.args[0]
                if isinstance(template, ast.Name):
                    template = constants.get(template.id, template)
                filled.update(ast.walk(template))
                assert isinstance(template, ast.Constant | ast.Name), ast.unparse(node)
        found += [
            f"{file}:{node.lineno}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if tag.search(node.value) and node not in filled
        ]
    assert found == []
