"""A Workflow file with no pass-through block: `AgentPlugin` takes care of agentkit."""

from temporalio import workflow

from agentkit import ask_claude
from agentkit.transcript import LongConversation


@workflow.defn
class PlainImports:
    """Returns the id of its `ask_claude`: the process's own, if it was passed through."""

    @workflow.run
    async def run(self) -> int:
        assert LongConversation().head is None
        return id(ask_claude)
