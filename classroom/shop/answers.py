"""Results of the shop's tools: plain JSON, with money in decimal euros."""

from __future__ import annotations

from typing import TypedDict


class OrderLine(TypedDict):
    """A book in an order; `price` is that of one copy."""

    title: str
    format: str
    quantity: int
    price: float


class Order(TypedDict):
    """An order; `status` is processing, shipped, delivered or cancelled."""

    order_id: int
    customer: str
    email: str
    placed_on: str
    status: str
    books: list[OrderLine]
    total: float
    currency: str


class OrderSummary(TypedDict):
    """An order in a list of orders."""

    order_id: int
    placed_on: str
    status: str
    total: float
    currency: str


class Shipment(TypedDict):
    """The carrier's status of a parcel; all None but the status when there is no parcel."""

    order_id: int
    status: str
    carrier: str | None
    tracking_number: str | None
    last_seen: str | None
    shipped_on: str | None
    expected_on: str | None
    delivered_on: str | None


class Article(TypedDict):
    """An article of the handbook."""

    title: str
    text: str


class Stock(TypedDict):
    """An edition of a book; `copies` is None for e-books, which never run out."""

    title: str
    author: str
    format: str
    price: float
    currency: str
    in_stock: bool
    copies: int | None


class Refund(TypedDict):
    """A refund that has been made."""

    order_id: int
    amount: float
    currency: str
    status: str


class Email(TypedDict):
    """An email that has been sent."""

    to: str
    subject: str
    status: str


class Source(TypedDict):
    """A source to cite; `states` maps subjects to what it says of them."""

    source: str
    text: str
    states: dict[str, str]
