"""Signatures of all kinds, for tools; each function returns the values that it got."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
from pydantic import AliasChoices, Field
from typing_extensions import TypedDict


class Colour(Enum):
    """Of text."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """Of whole numbers."""

    LOW = 1
    HIGH = 2


class Line(pydantic.BaseModel):
    """A nested model, with an alias."""

    sku: str = Field(alias="SKU", min_length=2)
    count: int = Field(default=1, ge=1, le=9)


class Strict(pydantic.BaseModel):
    """A strict model: in Python's mode it would refuse every one of these as JSON has it."""

    model_config = pydantic.ConfigDict(strict=True)
    day: date
    at: datetime
    tags: set[str]
    pair: tuple[int, str]
    colour: Colour
    id: uuid.UUID
    amount: Decimal
    wait: timedelta
    lines: list[Line] = []


@dataclass
class Address:
    """A dataclass."""

    street: str
    number: int | None = None


class Point(NamedTuple):
    """A named tuple."""

    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    """A typed dictionary."""

    fast: bool
    level: Level


class Cat(pydantic.BaseModel):
    """One branch of a union."""

    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    """Another."""

    kind: Literal["dog"]
    name: str


class Node(pydantic.BaseModel):
    """A tree."""

    value: int
    children: list["Node"] = []


Types: dict[str, tuple[Any, tuple[type, ...]]] = {
    "integer": (int, (int,)),
    "bounded": (Annotated[int, Field(ge=3, lt=9)], (int,)),
    "multiple": (Annotated[int, Field(gt=0, multiple_of=7)], (int,)),
    "number": (float, (float,)),
    "fraction": (Annotated[float, Field(gt=0, lt=1)], (float,)),
    "strict_int": (Annotated[int, Field(strict=True)], (int,)),
    "text": (str, (str,)),
    "short_text": (Annotated[str, Field(min_length=2, max_length=5)], (str,)),
    "code": (Annotated[str, Field(pattern="^[A-Z]{3}-[0-9]{3}$")], (str,)),
    "flag": (bool, (bool,)),
    "strict_flag": (pydantic.StrictBool, (bool,)),
    "literal": (Literal[1, "two", None], (int, str, type(None))),
    "enum": (Colour, (Colour,)),
    "int_enum": (Level, (Level,)),
    "day": (date, (date,)),
    "moment": (datetime, (datetime,)),
    "hour": (time, (time,)),
    "span": (timedelta, (timedelta,)),
    "uuid": (uuid.UUID, (uuid.UUID,)),
    "amount": (Decimal, (Decimal,)),
    "path": (Path, (Path,)),
    "address": (IPv4Address, (IPv4Address,)),
    "raw": (bytes, (bytes,)),
    "texts": (list[str], (list,)),
    "numbers": (set[int], (set,)),
    "three": (Annotated[list[Colour], Field(min_length=3, max_length=4)], (list,)),
    "frozen": (frozenset[Level], (frozenset,)),
    "pair": (tuple[date, int], (tuple,)),
    "many": (tuple[Colour, ...], (tuple,)),
    "mapping": (dict[str, date], (dict,)),
    "by_number": (dict[int, str], (dict,)),
    "by_colour": (dict[Colour, int], (dict,)),
    "optional": (date | None, (date, type(None))),
    "either": (int | list[int] | Colour, (int, list, Colour)),
    "tagged": (Annotated[Cat | Dog, Field(discriminator="kind")], (Cat, Dog)),
    "model": (Line, (Line,)),
    "strict": (Strict, (Strict,)),
    "tree": (Node, (Node,)),
    "dataclass": (Address, (Address,)),
    "point": (Point, (Point,)),
    "options": (Options, (dict,)),
    "json": (pydantic.Json[list[int]], (list,)),
    "any": (Any, (object,)),
    "object": (object, (object,)),
}
"""Types of parameters by name, and the Python types that the function gets."""


async def aliases(
    order_id: Annotated[int, Field(alias="orderId")],
    customer: Annotated[str, Field(validation_alias="customerName")],
    email: Annotated[str, Field(validation_alias=AliasChoices("mail", "eMail"))],
    limit: Annotated[int, Field(alias="maxCount", ge=1)] = 5,
    since: date = Field(date(2026, 1, 1), alias="from"),  # noqa: B008
    words: list[str] = Field(default_factory=list, alias="copy"),  # noqa: B008
    model_config: int = 3,
) -> list[object]:
    """Take what has other names.

    Args:
        order_id: The order.
        customer: Who asks.
        limit: How many.
    """
    return [order_id, customer, email, limit, since, words, model_config]
