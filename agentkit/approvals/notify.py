"""How reviewers hear of a request: an Activity with bounded attempts, and two notifiers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pydantic
from temporalio import activity
from temporalio.exceptions import ApplicationError

from agentkit.approvals.requests import ApprovalRequest, Decision, Notice
from agentkit.approvals.signatures import Verify


class Notifier(Protocol):
    """Tells reviewers that something waits for them."""

    async def __call__(self, notice: Notice) -> None:
        """Deliver one notice; at least once, so it may come twice.

        Args:
            notice: What to tell, and whom.

        Raises:
            Exception: It couldn't be delivered. It is tried again; then the failure shows in
                audit and details of the run, so its text must hold no secret.
        """


def approval_activities(notifier: Notifier, verify: Verify) -> list[Callable[..., Any]]:
    """Make the Activities that a Gate needs on its worker.

    Args:
        notifier: Tells the reviewers.
        verify: The same hook as the Gate's.

    Returns:
        Two Activities, for `Worker(activities=…)`.
    """

    @activity.defn
    async def notify_reviewers(notice: Notice) -> None:
        await notifier(notice)

    @activity.defn
    async def verify_decision(decision: Decision, request: ApprovalRequest) -> str | None:
        return verify(decision, request)

    return [notify_reviewers, verify_decision]


class FileNotifier:
    """Writes each notice as a line of JSON into a file, which a program or a person reads.

    Args:
        path: The file; it and its folder are made if they aren't there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    async def __call__(self, notice: Notice) -> None:
        """Append the notice; see `Notifier`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write of one line: lines of several workers don't mix.
        with self.path.open("ab", buffering=0) as file:
            file.write(_NOTICE.dump_json(notice) + b"\n")

    def notices(self) -> list[Notice]:
        """Read what has been written, the oldest first."""
        if not self.path.exists():
            return []
        return [_NOTICE.validate_json(line) for line in self.path.read_bytes().splitlines()]


class WebhookNotifier:
    """Sends each notice as JSON by POST, to a chat's or a pager's webhook.

    URL and headers may hold secrets: they stay in the worker, and no error text has them.

    Args:
        url: Where to post.
        headers: What to send along, such as `{"Authorization": "Bearer …"}`.
        timeout: Seconds that one attempt may take.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, *, timeout: float = 10
    ) -> None:
        self._url = url
        self._headers = dict(headers or {})
        self._timeout = timeout

    async def __call__(self, notice: Notice) -> None:
        """Post the notice; see `Notifier`.

        Raises:
            ApplicationError: It wasn't taken; not to be retried for an answer of 4xx that
                another attempt can't mend.
        """
        await asyncio.to_thread(self._post, notice)

    def _post(self, notice: Notice) -> None:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class NoRedirects(HTTPRedirectHandler):
            """Headers with secrets go to the host that was named, and to no other."""

            def redirect_request(self, *_: Any) -> None:
                return None

        request = notice.request
        who = ", ".join(notice.to) or "any reviewer"
        body = {
            "text": f"{request.tool} waits for {who} until {request.expires_at:%Y-%m-%d %H:%M} UTC"
            f" ({notice.kind}): {request.why}",
            "notice": _NOTICE.dump_python(notice, mode="json"),
        }
        try:
            call = Request(  # noqa: S310  (the URL is the operator's own)
                self._url,
                data=json.dumps(body).encode(),
                headers={"Content-Type": "application/json", **self._headers},
                method="POST",
            )
            with build_opener(NoRedirects).open(call, timeout=self._timeout):
                pass
        except HTTPError as err:
            err.close()
            final = err.code < 500 and err.code not in (408, 425, 429)
            raise ApplicationError(
                f"The webhook answered {err.code}.", type="WebhookFailed", non_retryable=final
            ) from None
        except (OSError, HTTPException, ValueError) as err:
            raise ApplicationError(
                f"The webhook can't be reached ({type(err).__name__}).", type="WebhookFailed"
            ) from None


_NOTICE = pydantic.TypeAdapter(Notice)
