"""The agent's Activities: pin the prompt, call Claude with the pinned prompt, run a tool."""

from pathlib import Path

from agentkit import tool_activity
from agentkit.prompts import prompt_activities
from recipes.versioned_prompts.tools import TOOLS

# Read once, when a worker starts. Runs that begin on this worker are pinned to this text.
SYSTEM = Path(__file__).with_name("prompt.md").read_text(encoding="utf8")

ACTIVITIES = [*prompt_activities("support", SYSTEM, TOOLS), tool_activity(TOOLS)]
