"""The agent loop that fails well: bounded retries, budgets, a branch for every stop reason."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from agentkit import Budget, Messages, Spent, ask_claude, run_tool, tool_calls, user_message
    from agentkit.limits import history_is_full
    from agentkit.stop_reasons import Outcome, PartialAnswer, out_of_budget
    from recipes.structured_retries.tools import TOOLS

CLAUDE_LIMITS = workflow.ActivityConfig(
    start_to_close_timeout=timedelta(minutes=2),  # one attempt
    schedule_to_close_timeout=timedelta(minutes=10),  # all attempts and the waits between them
    retry_policy=RetryPolicy(
        # Waits of 0.2, 0.8, 3.2 and 12.8 s, unless the API asks for another one.
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=4,
        maximum_attempts=5,
    ),
)


@dataclass(frozen=True)
class SupportTask:
    """A question, and what the run that answers it may use up."""

    question: str
    budget: Budget


@workflow.defn
class RetryingAgentWorkflow:
    """A support agent that ends in a result, or in the API's own words."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.answer, self.spent = PartialAnswer(), Spent()

    @workflow.run
    async def run(self, task: SupportTask) -> Outcome:
        """Work on the question; when the time is up, end the step under way."""
        self.messages.append(user_message(task.question))
        try:
            async with asyncio.timeout(task.budget.seconds) as clock:
                return await self.work(task.budget)
        except (TimeoutError, ActivityError):
            if not clock.expired():
                raise
            return out_of_budget("seconds", task.budget, self.spent, self.answer.text)

    async def work(self, budget: Budget) -> Outcome:
        """Ask Claude, and do what each reply asks for, until one is an end."""
        while (limit := self.spent.exceeded(budget)) is None:
            if history_is_full():
                return Outcome(self.answer.text, "history_full", "The history is full.", self.spent)
            reply = await ask_claude(
                self.messages, max_tokens=self.answer.max_tokens, **CLAUDE_LIMITS
            )
            self.spent.add(reply)
            step = self.answer.apply_reply(reply)
            self.messages += step.messages
            workflow.logger.info("Turn %d: %s, %s", self.spent.turns, reply.stop_reason, step.do)
            if step.do == "end":
                return Outcome(self.answer.text, step.ended, step.detail, self.spent)
            if step.do == "run_tools":
                results = [await run_tool(call, TOOLS) for call in tool_calls(reply)]
                self.messages.append(user_message(results))
        return out_of_budget(limit, budget, self.spent, self.answer.text)

    @workflow.query
    def transcript(self) -> Messages:
        """Return the conversation so far, also after the end."""
        return self.messages
