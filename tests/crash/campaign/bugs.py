"""Bugs as people write them: the campaign must catch each, and for its own reason."""

from __future__ import annotations

from tests.crash.campaign.broken import Broken

_IDEMPOTENCY = "agentkit/idempotency.py"
_RELEASE = 'await db.execute("release savepoint agentkit_effect")\n'
_COMMIT = 'await db.execute("commit"), await db.execute("savepoint agentkit_once")\n'
_DURABLE_LOOP = "notebooks/recipes/durable_loop/workflow.py"
_LONG_RUNNING = "notebooks/recipes/long_running"
_TOOL_ACTIVITIES = "agentkit/tool_activities.py"
_GATE = "agentkit/approvals/gate.py"
_CHAIN = "agentkit/transcript/chain.py"

BROKEN = [
    Broken(
        name="a new idempotency key with each attempt",
        edits=(
            (
                _TOOL_ACTIVITIES,
                "with use_idempotency_key(request.key,",
                'with use_idempotency_key(f"{request.key}{activity.info().attempt}",',
            ),
        ),
        scenario="durable_loop",
        kind="after-effect",
        where={"type": "tool.refund"},
        expected=("effects",),
    ),
    Broken(
        name="the effect is committed before its row in the ledger",
        edits=(
            (
                _IDEMPOTENCY,
                "await db.claim(key, call.words):",
                '(await db.execute("select 1 from ledger where key = :k", k=key))[1] is None:',
            ),
            (_IDEMPOTENCY, _RELEASE, _RELEASE + " " * 16 + _COMMIT),
            (
                _IDEMPOTENCY,
                "update ledger set result = :r where key = :key",
                "insert into ledger (key, result) values (:key, :r)",
            ),
        ),
        scenario="durable_loop",
        kind="mid-effect",
        where={"type": "tool.refund"},
        expected=("effects",),
    ),
    Broken(
        name="the row in the ledger is committed before its effect",
        edits=(
            (_IDEMPOTENCY, "(:key, :words, '')", "(:key, :words, '{}')"),
            (
                _IDEMPOTENCY,
                "            result = json.dumps(await _now(effect()))\n",
                f"            {_COMMIT}"
                '            await db.execute("savepoint agentkit_effect")\n'
                "            result = json.dumps(await _now(effect()))\n",
            ),
        ),
        scenario="durable_loop",
        kind="mid-effect",
        where={"type": "tool.refund"},
        expected=("effects", "ledger"),
    ),
    Broken(
        name="a key without the call's place in the conversation",
        edits=(
            (
                "agentkit/tool_dispatch.py",
                "make_key(info.first_execution_run_id, call.place, call.id)",
                "make_key(info.first_execution_run_id, call.id)",
            ),
            (
                _TOOL_ACTIVITIES,
                "prove_key(request.key, call.place, call.id)",
                "prove_key(request.key, call.id)",
            ),
        ),
        scenario="durable_loop",
        kind="after-effect",
        where={"type": "tool.refund"},
        expected=("ledger",),
    ),
    Broken(
        name="a key that calls share, in a ledger that doesn't compare them",
        edits=(
            (
                "agentkit/tool_dispatch.py",
                "make_key(info.first_execution_run_id, call.place, call.id)",
                'make_key(info.first_execution_run_id, "call_0")',
            ),
            (
                _TOOL_ACTIVITIES,
                "prove_key(request.key, call.place, call.id)",
                'prove_key(request.key, "call_0")',
            ),
            (_IDEMPOTENCY, "call in ('', :words)", "call in (call, :words)"),
        ),
        scenario="durable_loop",
        kind="after-effect",
        where={"type": "tool.refund"},
        expected=("effects",),
    ),
    Broken(
        name="an effect in PostgreSQL outside of the transaction that once() opens",
        edits=(
            (
                "tests/crash/bank/bank_worker.py",
                '            db.execute("insert into refunds',
                '            other = psycopg.connect(os.environ["BANK"], autocommit=True)\n'
                '            other.execute("insert into refunds',
            ),
        ),
        scenario="bank",
        kind="mid-effect",
        where={"type": "tool.refund"},
        expected=("effects",),
    ),
    Broken(
        name="an effect in PostgreSQL that is committed before its row in the ledger is complete",
        edits=(
            (
                "tests/crash/bank/bank_worker.py",
                "            status = {",
                '            db.execute("commit")\n            status = {',
            ),
        ),
        scenario="bank",
        kind="mid-effect",
        where={"type": "tool.refund"},
        expected=("same result", "same transcript"),
    ),
    Broken(
        name="a plugin that replaces the client's data converter, codec included",
        edits=(
            (
                "agentkit/plugin.py",
                "    existing = existing or DataConverter.default\n",
                "    existing = DataConverter.default\n",
            ),
        ),
        scenario="bank",
        kind="after-effect",
        where={"type": "tool.refund"},
        expected=("sealed",),
    ),
    Broken(
        name="an effect in Workflow code",
        edits=(
            (
                _DURABLE_LOOP,
                "[await run_tool(call, TOOLS) for call in calls]",
                "[await here(call) for call in calls]",
            ),
            (
                _DURABLE_LOOP,
                "@dataclass(frozen=True)\nclass AgentResult",
                "async def here(call):\n"
                "    with workflow.unsafe.imports_passed_through():\n"
                "        from agentkit.messages import tool_result\n"
                "        from classroom.shop import send_email\n"
                '    if call.name != "send_email":\n'
                "        return await run_tool(call, TOOLS)\n"
                "    with workflow.unsafe.sandbox_unrestricted():\n"
                "        return tool_result(call, await send_email.call(call.input))\n\n\n"
                "@dataclass(frozen=True)\nclass AgentResult",
            ),
        ),
        scenario="durable_loop",
        kind="before-model",
        where={"type": "call_claude", "number": 4},
        expected=("effects",),
    ),
    Broken(
        name="an effect without a key is tried again",
        edits=(
            (
                "agentkit/tools.py",
                'most = 1 if effect == "at_most_once" else TOOL_ATTEMPTS',
                "most = TOOL_ATTEMPTS",
            ),
            (
                _TOOL_ACTIVITIES,
                'if tool.effect == "at_most_once" and activity.info().attempt > 1:',
                "if False:",
            ),
        ),
        scenario="parallel_tools.pickup",
        kind="after-effect",
        where={},
        expected=("effects",),
    ),
    Broken(
        name="an approval that isn't bound to what was seen",
        edits=(
            (
                "agentkit/approvals/decisions.py",
                "if decision.digest != request.digest:",
                "if False:",
            ),
        ),
        scenario="approval_gate.update",
        kind="gate-pending",
        where={},
        expected=("decisions",),
    ),
    Broken(
        name="an approved call runs with other arguments than those approved",
        edits=(
            (
                "agentkit/approvals/decisions.py",
                "return replace(call, input=tool.normalised(decision.arguments))",
                "return call",
            ),
        ),
        scenario="approval_gate.update",
        kind="decision",
        where={},
        expected=("decisions",),
    ),
    Broken(
        name="a decision counts twice",
        edits=(
            (
                _GATE,
                "each for each in self._waiting() if",
                "each for each in self._pending.values() if",
            ),
        ),
        scenario="approval_gate.signal",
        kind="decision",
        where={},
        expected=("decisions",),
    ),
    Broken(
        name="messages are appended to the end of a log, without a content address",
        edits=(
            (
                _CHAIN,
                "    before = None if head is None else read_link(store, head)\n",
                '    tip = store.path.with_suffix(".tip")\n'
                "    head = tip.read_text() if tip.exists() else head\n"
                "    before = None if head is None else read_link(store, head)\n",
            ),
            (
                _CHAIN,
                "    return store.put(canonical_json(link))",
                "    made = store.put(canonical_json(link))\n"
                "    tip.write_text(made)\n"
                "    return made",
            ),
        ),
        scenario="long_running",
        kind="after-model",
        where={"type": "take_turn", "when": "after", "number": 2},
        expected=("same transcript", "pairs", "ends"),
    ),
    Broken(
        name="no heartbeat",
        edits=(
            (
                "agentkit/plugin.py",
                "        input.heartbeat_timeout = input.heartbeat_timeout or self.heartbeat\n",
                "",
            ),
        ),
        scenario="durable_loop",
        kind="before-model",
        where={"type": "call_claude", "number": 2},
        expected=("ends",),
    ),
    Broken(
        name="a tool's result is dropped when it comes from a second attempt",
        edits=(
            (
                _TOOL_ACTIVITIES,
                "        if isinstance(content, list):\n",
                "        if activity.info().attempt > 1:\n"
                '            content = ""\n'
                "        if isinstance(content, list):\n",
            ),
        ),
        scenario="structured_retries",
        kind="after-effect",
        where={"type": "tool.refund"},
        expected=("same transcript",),
    ),
    Broken(
        name="Workflow code asks whether it is being replayed",
        edits=(
            (
                _DURABLE_LOOP,
                "            results = [",
                "            if workflow.unsafe.is_replaying():\n"
                "                await workflow.sleep(0.1)\n"
                "            results = [",
            ),
        ),
        scenario="durable_loop",
        kind="before-model",
        where={"number": 3},
        expected=("replays", "ends"),
    ),
    Broken(
        name="Claude is asked twice by an attempt that follows a lost one",
        edits=(
            (
                "agentkit/claude.py",
                "    try:\n        reply = await _ask(asked)\n",
                "    try:\n        reply = await _ask(asked)\n"
                "        if activity.info().attempt > 1:\n"
                "            reply = await _ask(asked)\n",
            ),
        ),
        scenario="versioned_prompts",
        kind="before-model",
        where={"number": 2},
        expected=("model calls",),
    ),
    Broken(
        name="a reply of a server that repeats ids is recorded unchecked",
        edits=(
            (
                "agentkit/claude.py",
                '    tools = asked["tools"] or []\n    return admit(',
                '    for block in raw["content"]:\n'
                '        block.update({"id": "call_0"} if "id" in block else {})\n'
                '    counted = admit(raw, [], model=asked["model"])\n'
                "    return replace(\n"
                '        counted, content=raw["content"], turn=len(asked["messages"])\n'
                "    )\n"
                '    tools = asked["tools"] or []\n    return admit(',
            ),
            (
                "agentkit/claude.py",
                "from typing import",
                "from dataclasses import replace\nfrom typing import",
            ),
        ),
        scenario="durable_loop",
        kind="before-model",
        where={"number": 2},
        expected=("ends", "pairs"),
    ),
    Broken(
        name="the key changes when the run continues as new",
        edits=(
            (
                f"{_LONG_RUNNING}/workflow.py",
                'f"{workflow.info().first_execution_run_id}:ticket-{ticket.number}"',
                'f"{workflow.info().run_id}:ticket-{ticket.number}"',
            ),
        ),
        scenario="long_running",
        kind="continue-as-new",
        where={"when": "new_run"},
        expected=("ledger",),
    ),
    Broken(
        name="an effect without its key",
        edits=(
            (
                f"{_LONG_RUNNING}/activities.py",
                "with use_idempotency_key(submission.key,",
                "with use_idempotency_key(None,",
            ),
        ),
        scenario="long_running",
        kind="after-effect",
        where={"type": "submit_answer"},
        expected=("effects", "ledger"),
    ),
    Broken(
        name="pending approvals are left behind at continue-as-new",
        edits=(
            (
                _GATE,
                "self._pending = {_key(each.request.call): each for each in state.pending}",
                "self._pending = {}",
            ),
        ),
        scenario="gated_talk",
        kind="continue-as-new",
        where={},
        expected=("decisions", "ends", "same result"),
    ),
    Broken(
        name="new messages are left behind at continue-as-new",
        edits=(
            (
                f"{_LONG_RUNNING}/workflow.py",
                "                queue.runs += 1\n",
                "                queue.runs += 1\n                queue.talk.new = []\n",
            ),
        ),
        scenario="long_running",
        kind="continue-as-new",
        where={"when": "continue_as_new"},
        expected=("ends", "same transcript", "effects"),
    ),
]
"""The bugs of issue 8's list, and more of their kind."""
