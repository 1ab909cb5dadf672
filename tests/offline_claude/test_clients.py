"""What clients built on the SDK ask for: tool runners, parsed answers, schemas in prompts."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any, Literal

import anthropic
import pydantic
import pytest
from anthropic import beta_tool

from offline_claude import OfflineClaude
from tests.support.offline_server import MODEL


class Line(pydantic.BaseModel):
    product: str
    quantity: int
    price: float


class Cart(pydantic.BaseModel):
    customer: str
    lines: list[Line]


class Person(pydantic.BaseModel):
    name: str
    age: int | None = None
    city: str | None = None


class People(pydantic.BaseModel):
    people: list[Person]


class Review(pydantic.BaseModel):
    sentiment: Literal["positive", "negative", "neutral"]


@pytest.fixture
def claude(offline: OfflineClaude) -> Iterator[anthropic.Anthropic]:
    http = anthropic.DefaultHttpxClient(trust_env=False, verify=False)
    with anthropic.Anthropic(base_url=offline.url, api_key="offline", http_client=http) as client:
        yield client


def asked(text: Any, **body: Any) -> dict[str, Any]:
    return {
        "model": MODEL,
        "max_tokens": 999,
        "messages": [{"role": "user", "content": text}],
    } | body


def test_tool_runner_fills_a_date_with_its_time(claude: anthropic.Anthropic) -> None:
    begun: list[datetime.datetime] = []

    @beta_tool
    def schedule_backup(begin: datetime.datetime) -> str:
        """Schedule a backup."""
        begun.append(begin)
        return "scheduled"

    question = asked("Schedule a backup on March 5, 2027 at 6pm")
    claude.beta.messages.tool_runner(**question, tools=[schedule_backup]).until_done()
    assert begun == [datetime.datetime(2027, 3, 5, 18, tzinfo=datetime.UTC)]


def test_tool_runner_fills_a_choice_among_numbers(claude: anthropic.Anthropic) -> None:
    given: list[tuple[int, int]] = []

    @beta_tool
    def rate_article(article: int, stars: Literal[1, 2, 3, 4, 5]) -> str:
        """Rate an article."""
        given.append((article, stars))
        return "thanks"

    for question in ("Rate article 3 with 5 stars", "Rate article 12 with four stars"):
        claude.beta.messages.tool_runner(**asked(question), tools=[rate_article]).until_done()
    assert given == [(3, 5), (12, 4)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "Customer Jane Doe orders 2 mugs at 8.50 and 3 plates at 12.00.",
            Cart(
                customer="Jane Doe",
                lines=[
                    Line(product="mugs", quantity=2, price=8.5),
                    Line(product="plates", quantity=3, price=12),
                ],
            ),
        ),
        (
            "Ann (31) lives in Oslo. Bob (28) lives in Rome.",
            People(
                people=[
                    Person(name="Ann", age=31, city="Oslo"),
                    Person(name="Bob", age=28, city="Rome"),
                ]
            ),
        ),
        ("John Smith is 45.", Person(name="John Smith", age=45)),
        ("Terrible service, I am disappointed.", Review(sentiment="negative")),
    ],
    ids=["counted things", "people", "a name, no place", "a mood"],
)
def test_parsed_answer_holds_what_the_text_tells(
    claude: anthropic.Anthropic, text: str, found: pydantic.BaseModel
) -> None:
    reply = claude.messages.parse(**asked(text), output_format=type(found))
    assert reply.parsed_output == found


@pytest.mark.parametrize("where", ["system", "question"])
def test_schema_in_a_prompt_is_filled_in_as_json(claude: anthropic.Anthropic, where: str) -> None:
    example = '{"properties": {"foo": {"type": "string"}}}'
    schema = json.dumps(Person.model_json_schema())
    wish = f"Such as {example}. Reply with JSON of this schema:\n{schema}"
    text = "Ada is 36 and lives in London."
    body = asked(text, system=wish) if where == "system" else asked(f"{text}\n\n{wish}")
    reply = claude.messages.create(**body)
    assert Person.model_validate_json(reply.content[0].text).city == "London"


def test_schema_that_a_prompt_only_mentions_changes_no_answer(claude: anthropic.Anthropic) -> None:
    tools = 'You know the JSON schema {"properties": {"city": {"type": "string"}}}.'
    reply = claude.messages.create(**asked("Who are you?", system=tools))
    assert reply.content[0].text.startswith("I am the offline Claude")


def test_forced_tool_without_required_arguments_is_filled(claude: anthropic.Anthropic) -> None:
    tasks = {"type": "array", "items": Person.model_json_schema()}
    schema = {"type": "object", "properties": {"tasks": tasks}}
    tool: Any = {"name": "SegmentedPeople", "input_schema": schema}
    text = asked("Extract: Ann (30) lives in Rome. Bo (41) lives in Oslo.")
    choice: Any = {"type": "tool", "name": "SegmentedPeople"}
    reply = claude.messages.create(**text, tools=[tool], tool_choice=choice)
    assert [each["name"] for each in reply.content[0].input["tasks"]] == ["Ann", "Bo"]


def test_search_result_is_quoted_with_its_citation(claude: anthropic.Anthropic) -> None:
    found = {
        "type": "search_result",
        "source": "https://example.com",
        "title": "Rules",
        "content": [{"type": "text", "text": "Parcels go out on Mondays."}],
        "citations": {"enabled": True},
    }
    question = [found, {"type": "text", "text": "When do parcels go out?"}]
    reply = claude.messages.create(**asked(question))
    assert [c.cited_text for c in reply.content[0].citations] == ["Parcels go out on Mondays."]
