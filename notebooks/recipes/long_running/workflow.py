"""An agent that works for as long as there are tickets: its history starts afresh, it doesn't."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from agentkit import run_tools
    from agentkit.prompts import pin_prompt
    from recipes.long_running.activities import SubmitAnswer, Ticket, submit_answer
    from recipes.long_running.state import Progress, Queue
    from recipes.long_running.tools import TOOLS


@workflow.defn
class LongRunningAgentWorkflow:
    """A support agent with a queue of tickets, one conversation, and no last turn."""

    @workflow.init
    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.steps = 0  # of this run only: a total would be over the limit in the next run, too

    @workflow.run
    async def run(self, queue: Queue) -> Progress:
        """Take step after step, and continue as new whenever this history is long enough."""
        if wrong := queue.what_is_wrong():
            raise ApplicationError(wrong, type="InvalidQueue", non_retryable=True)
        if queue.talk.prompt is None:
            await queue.talk.begin(await pin_prompt())
        while not queue.ended:
            if workflow.info().is_continue_as_new_suggested() or self.steps == queue.steps_per_run:
                await workflow.wait_condition(workflow.all_handlers_finished)
                await queue.inbox.keep()  # long messages go along by reference
                workflow.logger.info("Continuing as new after %d steps", self.steps)
                queue.runs += 1
                workflow.continue_as_new(queue)
            await self.step(queue)
            self.steps += 1
        return queue.progress()

    async def step(self, queue: Queue) -> None:
        """Do the next thing, which follows from the state alone."""
        talk = queue.talk
        if limit := talk.spent.exceeded(queue.budget):
            queue.ended = limit
        elif talk.calls:
            talk.add_results(await run_tools(talk.calls, TOOLS))
        elif talk.has_more_to_say:
            taken = await talk.take_turn()
            if taken.do == "end" and queue.asked:
                queue.record_answer(taken.answer.text or taken.detail)
        elif queue.inbox.waiting:
            talk.say(await queue.inbox.take())
        elif queue.ticket.answer or not queue.ticket.number:
            queue.start_ticket(await self.submit(queue.ticket))
        else:
            queue.ask_question()

    async def submit(self, ticket: Ticket) -> Ticket | None:
        """Submit a ticket's answer and fetch the next ticket; None at the end of the queue."""
        key = f"{workflow.info().first_execution_run_id}:ticket-{ticket.number}"
        return await workflow.execute_activity(
            submit_answer,
            SubmitAnswer(ticket, key),
            start_to_close_timeout=timedelta(seconds=20),
            schedule_to_close_timeout=timedelta(minutes=5),
            retry_policy=RetryPolicy(maximum_attempts=20),
        )

    @workflow.signal
    def say(self, text: object = None, *_: object) -> None:
        """Say something to the agent, which answers after its current ticket."""
        self.queue.inbox.put(text)

    @workflow.query
    def progress(self) -> Progress:
        """Return how far the agent has come."""
        return self.queue.progress()
