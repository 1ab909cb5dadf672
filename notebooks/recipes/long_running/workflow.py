"""An agent that works for as long as there are tickets: its history begins anew, it doesn't."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import run_tools
    from recipes.long_running.activities import next_after, prompt
    from recipes.long_running.state import Progress, Queue
    from recipes.long_running.tools import TOOLS


@workflow.defn
class LongRunning:
    """A support agent with a queue of tickets, one conversation, and no last turn."""

    @workflow.init
    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.steps = 0  # of this run only: a total would be over the limit in the next run, too

    @workflow.run
    async def run(self, queue: Queue) -> Progress:
        """Take step after step, and a new history whenever this one is long enough."""
        await queue.talk.begin(prompt())
        while not queue.ended:
            if workflow.info().is_continue_as_new_suggested() or self.steps == queue.steps_per_run:
                await workflow.wait_condition(workflow.all_handlers_finished)
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
            talk.give(await run_tools(talk.calls, TOOLS))
        elif talk.has_more_to_say:
            taken = await talk.take_turn()
            if taken.do == "end" and queue.asked:
                queue.answer(taken.answer.text or taken.detail)
        elif queue.said:
            talk.say(queue.said.pop(0))
        elif queue.ticket.answer or not queue.ticket.number:
            queue.take(await next_after(queue.ticket))
        else:
            queue.ask()

    @workflow.signal
    def say(self, text: str) -> None:
        """Tell the agent something; it answers when it is through with its ticket."""
        self.queue.said.append(text)

    @workflow.query
    def progress(self) -> Progress:
        """How far the agent has come."""
        return self.queue.progress()
