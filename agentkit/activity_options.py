"""The limits of every Activity that agentkit schedules: all of them are bounded.

No heartbeat timeout is among them: `AgentPlugin(heartbeat=…)` sets one for every Activity.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

DEFAULT_HEARTBEAT = timedelta(seconds=1.75)
"""How long an Activity may be silent before the server gives it to another worker.

Four beats fit into that time, so a worker may be 1.3 s late before it counts as dead. From
SIGKILL to the next model call it takes 1.6 to 2 s on the embedded server, and a second more on
one with default settings (`history.timerProcessorMaxTimeShift`).
"""

TOOL_TIMEOUT = timedelta(minutes=1)
TOOL_ATTEMPTS = 5

_QUEUE_ALLOWANCE = timedelta(minutes=4)
"""How long all attempts of a tool call together may wait for a worker and between attempts."""


def activity_options(
    *,
    attempt: timedelta,
    total: timedelta,
    attempts: int,
    first_wait: timedelta = timedelta(milliseconds=200),
    backoff: float = 2,
    longest_wait: timedelta | None = None,
) -> ActivityConfig:
    """Build the options of an Activity, for `workflow.execute_activity`.

    Args:
        attempt: How long one attempt may take.
        total: How long all attempts may take, waiting included.
        attempts: The most attempts, the first included.
        first_wait: The wait before the second attempt; 200 ms by default.
        backoff: The factor from one wait to the next; 2 by default.
        longest_wait: The longest wait; 100 times the first by default.
    """
    return {
        "start_to_close_timeout": attempt,
        "schedule_to_close_timeout": total,
        "retry_policy": RetryPolicy(
            initial_interval=first_wait,
            backoff_coefficient=backoff,
            maximum_interval=longest_wait,
            maximum_attempts=attempts,
        ),
    }


def tool_options(
    timeout: timedelta = TOOL_TIMEOUT, attempts: int = TOOL_ATTEMPTS
) -> ActivityConfig:
    """Build the options of a tool call."""
    total = timeout * attempts + _QUEUE_ALLOWANCE
    options = activity_options(attempt=timeout, total=total, attempts=attempts)
    # A cancelled run ends when its tools have ended, and not before.
    options["cancellation_type"] = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
    return options


CLAUDE_OPTIONS = activity_options(
    attempt=timedelta(minutes=5),
    total=timedelta(minutes=15),
    attempts=10,
    backoff=4,
    longest_wait=timedelta(minutes=1),
)
"""A Claude call. Heartbeats notice a dead worker in seconds; these limits bound a live one."""

PIN_OPTIONS = activity_options(
    attempt=timedelta(seconds=30), total=timedelta(minutes=5), attempts=5
)
"""Pinning a prompt, which writes a few kilobytes to the store."""

_SECOND = timedelta(seconds=1)

NOTIFY_OPTIONS = activity_options(
    attempt=20 * _SECOND, total=timedelta(minutes=5), attempts=5, first_wait=_SECOND
)
"""Notifying reviewers. The request's own timer runs meanwhile."""

VERIFY_OPTIONS = activity_options(
    attempt=5 * _SECOND, total=timedelta(minutes=1), attempts=5, first_wait=_SECOND
)
"""Verifying a decision that arrived by Signal."""
