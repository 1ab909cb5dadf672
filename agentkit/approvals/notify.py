"""How reviewers hear of a request: an Activity with bounded attempts, and two notifiers."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import pydantic
from temporalio import activity, workflow
from temporalio.exceptions import ActivityError, ApplicationError

from agentkit.activity_options import NOTIFY_OPTIONS, VERIFY_OPTIONS
from agentkit.approvals.decisions import Decision, Verify
from agentkit.approvals.requests import ApprovalRequest, Notice
from agentkit.messages import printable
from agentkit.stores.sqlite import private_file, private_folder


class Notifier(Protocol):
    """Tells reviewers that a request waits for them."""

    async def __call__(self, notice: Notice) -> None:
        """Deliver one notice; it may be called again with the same one.

        Raises:
            Exception: It couldn't be delivered. The run's audit and details show the
                exception, so its text must hold no secret.
        """


@dataclass(frozen=True)
class VerifyDecision:
    """A decision that came by Signal, and the request that it names."""

    decision: Decision
    request: ApprovalRequest


def approval_activities(notifier: Notifier, verify: Verify) -> list[Callable[..., Any]]:
    """Make the two Activities that a Gate needs on its worker; `verify` is the Gate's own."""

    @activity.defn
    async def notify_reviewers(notice: Notice) -> None:
        await notifier(notice)

    @activity.defn
    async def verify_decision(given: VerifyDecision) -> str | None:
        return verify(given.decision, given.request)

    return [notify_reviewers, verify_decision]


async def notify(notice: Notice) -> str | None:
    """Have a notice delivered, from Workflow code; return why it couldn't be, or None."""
    try:
        await workflow.execute_activity("notify_reviewers", notice, **NOTIFY_OPTIONS)
    except Exception as err:
        return str(err.cause or err) if isinstance(err, ActivityError) else str(err)
    return None


async def verify(decision: VerifyDecision) -> str | None:
    """Have a decision verified, from Workflow code; return why it isn't its reviewer's, or None.

    An Activity, although it only computes: keys change, and a replay must get the old answer.
    """
    try:
        why: Any = await workflow.execute_activity("verify_decision", decision, **VERIFY_OPTIONS)
    except (ActivityError, ApplicationError) as err:
        return f"The decision could not be verified ({err.cause or err})."
    return cast("str | None", why)


class FileNotifier:
    """Appends each notice to a file as a line of JSON.

    Args:
        path: The file, made with its folder if need be, for its owner alone.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    async def __call__(self, notice: Notice) -> None:
        """Append the notice; see `Notifier`."""
        if not self.path.parent.exists():
            private_folder(self.path.parent)
        # One write of one line: lines of several workers don't mix.
        with private_file(self.path).open("ab", buffering=0) as file:
            file.write(_NOTICE.dump_json(notice) + b"\n")

    def notices(self) -> list[Notice]:
        """Read the notices in the file, the oldest first."""
        if not self.path.exists():
            return []
        return [_NOTICE.validate_json(line) for line in self.path.read_bytes().splitlines()]


class WebhookNotifier:
    """Posts each notice as JSON to the webhook of a chat or a pager.

    URL and headers may hold secrets: they stay in the worker, and no error message quotes them.

    Args:
        url: Where to post.
        headers: Headers to send along, such as `{"Authorization": "Bearer …"}`.
        timeout: Seconds to wait for the webhook; 10 by default.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, *, timeout: float = 10
    ) -> None:
        self._url = url
        self._headers = dict(headers or {})
        self._timeout = timeout

    async def __call__(self, notice: Notice) -> None:
        """Post the notice; see `Notifier`. A 4xx that another attempt can't change is final."""
        import httpx2  # the SDK's own HTTP client; a process that never posts needn't import it

        request = notice.request
        who = ", ".join(notice.to) or "any reviewer"
        body = {
            "text": printable(
                f"{request.tool} waits for {who} until {request.expires_at:%Y-%m-%d %H:%M} UTC"
                f" ({notice.kind}): {request.why}"
            ),
            "notice": _NOTICE.dump_python(notice, mode="json"),
        }
        try:
            async with httpx2.AsyncClient(timeout=self._timeout) as client:
                # Headers with secrets go to the host that was named, and to no other.
                answer = await client.post(
                    self._url, json=body, headers=self._headers, follow_redirects=False
                )
        except Exception as err:
            raise ApplicationError(
                f"The webhook can't be reached ({type(err).__name__}).", type="WebhookFailed"
            ) from None
        if not answer.is_success:
            code = answer.status_code
            final = code < 500 and code not in (408, 425, 429)
            raise ApplicationError(
                f"The webhook answered {code}.", type="WebhookFailed", non_retryable=final
            )


_NOTICE = pydantic.TypeAdapter(Notice)
