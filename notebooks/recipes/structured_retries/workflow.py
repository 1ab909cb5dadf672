"""The agent loop that fails well: bounded retries, budgets, a branch for every stop reason."""

import asyncio
from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from agentkit import Budget, Messages, Spent, run_tool, tool_calls, user_message
    from agentkit.stop_reasons import Answer, Outcome, out_of_budget
    from recipes.structured_retries.activities import ask_claude


@dataclass(frozen=True)
class Task:
    """A question, and what the run that answers it may use up."""

    question: str
    budget: Budget


@workflow.defn
class StructuredRetries:
    """A support agent that ends in a result, or in the API's own words."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.answer, self.spent = Answer(), Spent()

    @workflow.run
    async def run(self, task: Task) -> Outcome:
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
            reply = await ask_claude(self.messages, self.answer.max_tokens)
            self.spent.add(reply)
            step = self.answer.take(reply)
            self.messages += step.messages
            if step.do == "end":
                return Outcome(self.answer.text, step.ended, step.detail, self.spent)
            if step.do == "run_tools":
                results = [await run_tool(call) for call in tool_calls(reply.content)]
                self.messages.append(user_message(results))
        return out_of_budget(limit, budget, self.spent, self.answer.text)

    @workflow.query
    def transcript(self) -> Messages:
        """The conversation so far, also after the end."""
        return self.messages
