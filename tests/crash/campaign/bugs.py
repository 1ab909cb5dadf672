"""Bugs as people write them: the campaign must catch each, and for its own reason."""

from __future__ import annotations

from tests.crash.campaign.broken import Broken

_DURABLE_LOOP = "notebooks/recipes/durable_loop/workflow.py"
_LONG_RUNNING = "notebooks/recipes/long_running"

BROKEN = [
    Broken(
        "a new idempotency key with each attempt",
        (
            (
                "agentkit/tool_runs.py",
                "with use_idempotency_key(key):",
                'with use_idempotency_key(f"{key}{activity.info().attempt}"):',
            ),
        ),
        "durable_loop",
        "after-effect",
        {"type": "tool.refund"},
        ("effects",),
    ),
    Broken(
        "the effect is committed before its row in the ledger",
        (
            (
                "agentkit/idempotency.py",
                "            result = effect()\n",
                "            result = effect()\n            db.commit()\n",
            ),
        ),
        "durable_loop",
        "mid-effect",
        {"type": "tool.refund"},
        ("effects",),
    ),
    Broken(
        "the row in the ledger is committed before its effect",
        (
            (
                "agentkit/idempotency.py",
                "            result = effect()\n",
                "            db.execute(\"insert into ledger values (?, '{}', '')\", (key,))\n"
                "            db.commit()\n"
                "            result, key = effect(), None\n",
            ),
        ),
        "durable_loop",
        "mid-effect",
        {"type": "tool.refund"},
        ("effects", "ledger"),
    ),
    Broken(
        "an effect in Workflow code",
        (
            (
                _DURABLE_LOOP,
                "[await run_tool(call) for call in calls]",
                "[await here(call) for call in calls]",
            ),
            (
                _DURABLE_LOOP,
                "@dataclass(frozen=True)\nclass Answer",
                "async def here(call):\n"
                "    with workflow.unsafe.imports_passed_through():\n"
                "        from agentkit import tool_result\n"
                "        from classroom.shop import send_email\n"
                '    if call.name != "send_email":\n'
                "        return await run_tool(call)\n"
                "    with workflow.unsafe.sandbox_unrestricted():\n"
                "        return tool_result(call, await send_email.call(call.input))\n\n\n"
                "@dataclass(frozen=True)\nclass Answer",
            ),
        ),
        "durable_loop",
        "before-model",
        {"type": "call_claude", "number": 4},
        ("effects",),
    ),
    Broken(
        "an effect without a key is tried again",
        (
            (
                "agentkit/tools.py",
                'most = 1 if effect == "at_most_once" else MOST_ATTEMPTS',
                "most = MOST_ATTEMPTS",
            ),
            (
                "agentkit/tool_runs.py",
                'if tool.effect == "at_most_once" and activity.info().attempt > 1:',
                "if False:",
            ),
        ),
        "parallel_tools.pickup",
        "after-effect",
        {},
        ("effects",),
    ),
    Broken(
        "an approval that isn't bound to what was seen",
        (("agentkit/approvals/handlers.py", "if decision.digest != request.digest:", "if False:"),),
        "approval_gate.update",
        "gate-pending",
        {},
        ("decisions",),
    ),
    Broken(
        "an approved call runs with other arguments than those approved",
        (
            (
                "agentkit/approvals/gate.py",
                "call if edited is None else ToolCall(call.id, call.name, edited)",
                "call",
            ),
        ),
        "approval_gate.update",
        "decision",
        {},
        ("decisions",),
    ),
    Broken(
        "a decision counts twice",
        (
            (
                "agentkit/approvals/handlers.py",
                "return waiting if waiting is not None and waiting.outcome is None else None",
                "return waiting",
            ),
        ),
        "approval_gate.signal",
        "decision",
        {},
        ("decisions",),
    ),
    Broken(
        "messages are appended to the end of a log, without a content address",
        (
            (
                "agentkit/transcript/chain.py",
                "    before = None if head is None else read_link(store, head)\n",
                '    tip = store.path.with_suffix(".tip")\n'
                "    head = tip.read_text() if tip.exists() else head\n"
                "    before = None if head is None else read_link(store, head)\n",
            ),
            (
                "agentkit/transcript/chain.py",
                "    return store.put(canonical(link))",
                "    made = store.put(canonical(link))\n    tip.write_text(made)\n    return made",
            ),
        ),
        "long_running",
        "after-model",
        {"type": "take_turn", "when": "after", "number": 2},
        ("same transcript", "pairs", "ends"),
    ),
    Broken(
        "no heartbeat, and a long timeout",
        (
            ("agentkit/plugin.py", "interceptors=[HeartbeatInterceptor()]", "interceptors=[]"),
            (
                "agentkit/tools.py",
                "HEARTBEAT_TIMEOUT = timedelta(seconds=",
                "HEARTBEAT_TIMEOUT = timedelta(hours=",
            ),
        ),
        "durable_loop",
        "before-model",
        {"type": "call_claude", "number": 2},
        ("ends",),
    ),
    Broken(
        "a tool's result is dropped when it comes from a second attempt",
        (
            (
                "agentkit/tool_runs.py",
                "        text = _utf8(text)\n",
                '        text = _utf8(text) if activity.info().attempt == 1 else ""\n',
            ),
        ),
        "structured_retries",
        "after-effect",
        {"type": "tool.refund"},
        ("same transcript",),
    ),
    Broken(
        "Workflow code asks whether it is being replayed",
        (
            (
                _DURABLE_LOOP,
                "            calls = tool_calls(reply.content)\n",
                "            calls = tool_calls(reply.content)\n"
                "            if workflow.unsafe.is_replaying():\n"
                "                await workflow.sleep(0.1)\n",
            ),
        ),
        "durable_loop",
        "before-model",
        {"number": 3},
        ("replays", "ends"),
    ),
    Broken(
        "Claude is asked twice by an attempt that follows a lost one",
        (
            (
                "agentkit/claude.py",
                "        message = await _whole_reply(request)\n",
                "        message = await _whole_reply(request)\n"
                "        if activity.info().attempt > 1:\n"
                "            message = await _whole_reply(request)\n",
            ),
        ),
        "versioned_prompts",
        "before-model",
        {"number": 2},
        ("model calls",),
    ),
    Broken(
        "the key changes when the run continues as new",
        (
            (
                f"{_LONG_RUNNING}/activities.py",
                'f"{workflow.info().first_execution_run_id}:ticket-{done.number}"',
                'f"{workflow.info().run_id}:ticket-{done.number}"',
            ),
        ),
        "long_running",
        "continue-as-new",
        {"when": "new_run"},
        ("ledger",),
    ),
    Broken(
        "an effect without its key",
        (
            (
                f"{_LONG_RUNNING}/activities.py",
                "with use_idempotency_key(key):",
                "with use_idempotency_key(None):",
            ),
        ),
        "long_running",
        "after-effect",
        {"type": "hand_in"},
        ("effects", "ledger"),
    ),
    Broken(
        "what waits for a decision is left behind at continue-as-new",
        (
            (
                "agentkit/approvals/gate.py",
                "Inbox(verify, self._forbids, asker, self._audit, state.waiting)",
                "Inbox(verify, self._forbids, asker, self._audit)",
            ),
        ),
        "gated_talk",
        "continue-as-new",
        {},
        ("decisions", "ends", "same result"),
    ),
    Broken(
        "what is on its way is left behind at continue-as-new",
        (
            (
                f"{_LONG_RUNNING}/workflow.py",
                "                queue.runs += 1\n",
                "                queue.runs += 1\n                queue.talk.new = []\n",
            ),
        ),
        "long_running",
        "continue-as-new",
        {"when": "continue_as_new"},
        ("ends", "same transcript", "effects"),
    ),
]
"""The bugs of issue 8's list, and more of their kind."""
