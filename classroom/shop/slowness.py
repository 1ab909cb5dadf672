"""Delays of the world outside the shop, set by the environment."""

from __future__ import annotations

import asyncio
import os

from classroom.machine.home import ClassroomError


async def carrier_answers() -> None:
    """Wait for the carrier, who takes a second, or $SHOP_CARRIER_SECONDS."""
    await asyncio.sleep(seconds("SHOP_CARRIER_SECONDS", 1))


async def bank_confirms() -> None:
    """Wait for the bank's word that money has gone: none at all, or $SHOP_BANK_SECONDS."""
    await asyncio.sleep(seconds("SHOP_BANK_SECONDS", 0))


def seconds(variable: str, default: float) -> float:
    """Read one of these delays.

    Args:
        variable: SHOP_CARRIER_SECONDS or SHOP_BANK_SECONDS.
        default: What they take when it isn't set.

    Raises:
        ClassroomError: It isn't a number.
    """
    configured = os.environ.get(variable) or str(default)
    try:
        return float(configured)
    except ValueError:
        raise ClassroomError(
            f"{variable} is {configured!r}, which is not a number of seconds. "
            f"Go back to {default:g}: unset {variable}"
        ) from None
