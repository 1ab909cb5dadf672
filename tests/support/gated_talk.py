"""A long conversation whose tools wait for a person, and that continues as new while they do."""

import asyncio
from functools import partial
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import AnyTool, ToolCall, tool_activity
    from agentkit.approvals import Gate, Gated, Verdict, approval_activities, deny, trust_names
    from agentkit.approvals.decisions import authorizer
    from agentkit.approvals.gate import GateState
    from agentkit.approvals.notify import Notifier
    from agentkit.approvals.policy import effects_need_approval
    from agentkit.prompts import pin_prompt, prompt_activities
    from agentkit.stores import Store
    from agentkit.transcript import LongConversation, transcript_activities
    from classroom import shop

TOOLS: list[AnyTool] = [shop.find_order, shop.search_handbook, shop.refund]


def gated_talk_activities(notifier: Notifier, store: Store | None = None) -> list[Any]:
    """All Activities of a `GatedTalk`."""
    return [
        *prompt_activities("support", "Be brief.", TOOLS, store=store),
        *transcript_activities(store),
        tool_activity(TOOLS, store=store, keep_over=0, authorize=authorizer(policy, trust_names)),
        *approval_activities(notifier, trust_names),
    ]


def policy(call: ToolCall, tool: AnyTool) -> Verdict:
    """Deny large refunds; as careless about missing arguments as policies are."""
    if call.input.get("amount", 0) > 200:
        return deny("too much")
    return effects_need_approval(call, tool)


@workflow.defn
class GatedTalk(Gated):
    """Answers one question; its first run ends as soon as an approval is pending."""

    @workflow.init
    def __init__(self, talk: LongConversation, gate: GateState, runs: int) -> None:
        self.gate = Gate(TOOLS, policy, verify=trust_names, state=gate)

    @workflow.run
    async def run(self, talk: LongConversation, gate: GateState, runs: int) -> LongConversation:
        if not talk.prompt:
            await talk.begin(await pin_prompt())
            talk.say("Please refund order 1001, it arrived damaged.")
        while talk.calls or talk.has_more_to_say:
            if not talk.calls:
                await talk.take_turn()
                continue
            running = asyncio.create_task(self.gate.run_all(talk.calls))
            await workflow.wait_condition(partial(self.may_leave_or, running, runs))
            if not running.done():
                workflow.continue_as_new(args=[talk, self.gate.state(), runs + 1])
            talk.add_results(running.result())
        return talk

    def may_leave_or(self, running: "asyncio.Task[Any]", runs: int) -> bool:
        """Whether the calls are done; in the first run also whether one of them is pending."""
        pending = runs == 1 and self.gate.at_rest and bool(self.gate.state().pending)
        return running.done() or pending
