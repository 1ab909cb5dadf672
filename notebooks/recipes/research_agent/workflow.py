"""A research agent: plan, parallel searches, a draft that is checked and reviewed, a report."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Messages, ToolCall, tool_calls, user_message
    from agentkit.approvals import Gate
    from agentkit.prompts import pin_prompt
    from agentkit.stop_reasons import Answer
    from recipes.research_agent.activities import MOST_TOKENS, VERIFY, ask_claude
    from recipes.research_agent.evidence import Evidence
    from recipes.research_agent.policy import TERMS, policy_on
    from recipes.research_agent.report import PUBLISH, with_cost
    from recipes.research_agent.task import Outcome, Task
    from recipes.research_agent.tools import TOOLS


@workflow.defn
class ResearchAgent:
    """Researches one question, up to a report that somebody has signed off."""

    @workflow.init
    def __init__(self, task: Task) -> None:
        self.messages: Messages = [user_message(task.question)]
        self.answer = Answer(max_tokens=MOST_TOKENS)
        self.evidence, self.outcome = Evidence(), Outcome()
        asker, policy = f"research on: {task.question}", policy_on(self.evidence)
        self.gate = Gate(TOOLS, policy, verify=VERIFY, terms=TERMS, asker=asker)

    @workflow.run
    async def run(self, task: Task) -> Outcome:
        """Ask Claude, do what it asks for, until there is a report or a reason for none."""
        self.outcome.prompt = (prompt := await pin_prompt()).label
        while not self.outcome.is_over(task.budget):
            reply = await ask_claude(prompt, self.messages)
            self.outcome.spent.add(reply)
            step = self.answer.take(reply)
            self.messages += step.messages
            if step.do == "run_tools":
                await self.work(tool_calls(reply.content))
            elif step.do == "end":
                self.outcome.stop("no report", self.answer.text or step.detail)
        self.outcome.audit = await self.gate.finished()
        return self.outcome

    async def work(self, calls: list[ToolCall]) -> None:
        """Run all calls at once; a draft waits for its check and its review."""
        drafts = [call.id for call in calls if call.name == PUBLISH]
        self.evidence.draft = drafts[-1] if drafts else ""
        results = await self.gate.run_all([with_cost(c, self.outcome.spent) for c in calls])
        self.messages.append(user_message(results))
        for call, result in zip(calls, results, strict=True):
            self.evidence.take(call, result)
            if call.id == self.evidence.draft:
                self.outcome.take(result, await self.gate.finished())

    @workflow.query
    def transcript(self) -> Messages:
        """The conversation so far."""
        return self.messages
