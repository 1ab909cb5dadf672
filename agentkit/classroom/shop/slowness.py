"""How long the world outside the shop takes to answer, as the environment says."""

from __future__ import annotations

import os

from agentkit.classroom.home import ClassroomError


def seconds(variable: str, default: float) -> float:
    """Read how slow somebody is.

    Args:
        variable: SHOP_CARRIER_SECONDS or SHOP_BANK_SECONDS.
        default: What they take when it isn't set.

    Raises:
        ClassroomError: It is no number.
    """
    configured = os.environ.get(variable) or str(default)
    try:
        return float(configured)
    except ValueError:
        raise ClassroomError(
            f"{variable} is {configured!r}, which is not a number of seconds. "
            f"Go back to {default:g}: unset {variable}"
        ) from None
