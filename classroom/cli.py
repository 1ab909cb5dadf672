"""The commands of the course: `.venv/bin/agentkit doctor` and its siblings.

Each says in plain words what it did or what is in the way, and leaves nothing half-started.
What a command needs is imported when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from agentkit.client import leave, print_anything, run_main

if TYPE_CHECKING:
    from classroom.machine.processes import Background

Command: TypeAlias = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]

_STATE = ("temporal.db", "shop.db")
_SIDE_FILES = ("", "-shm", "-wal", "-journal")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code.

    0 is done, 1 is a problem, with one message on stderr, 2 is a command that doesn't
    exist, 130 is Ctrl-C and 143 SIGTERM.

    Args:
        arguments: The command and its options; by default those of this process.
    """
    print_anything()
    chosen = _parser().parse_args(arguments)
    if chosen.command is None:
        _offline(chosen.port, chosen.log)
    run_main(_guarded(chosen.command(chosen)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=".venv/bin/agentkit", description="Durable Claude agents on Temporal: the course."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command | None, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(command=command)
        return added

    add("doctor", _doctor, "check this machine; name what is missing and the command that fixes it")
    add("up", _up, "start the Temporal server and the offline Claude in the background")
    down = add("down", _down, "stop what `up` and the notebooks have started, and nothing else")
    down.add_argument("--reset", action="store_true", help="also forget all runs, orders and logs")
    offline = add("offline", None, "run the offline Claude in the foreground, for any client")
    offline.add_argument("--port", type=int, default=0, metavar="N", help="0 (default) is any")
    offline.add_argument("--log", type=Path, metavar="FILE", help="append every call as a line")
    add("recipes", _copying, "list the recipes, each with what you'd change first")
    copy = add("copy", _copying, "write a recipe as a project of your own, with its tests")
    copy.epilog = "Example: .venv/bin/agentkit copy durable_loop ~/support-desk"
    copy.add_argument("name", metavar="NAME", help="a recipe; `recipes` lists them")
    copy.add_argument("dest", metavar="DEST", type=Path, help="a folder that isn't there yet")
    copy.add_argument("--dry-run", action="store_true", help="name the files, write nothing")
    copy.add_argument("--bare", action="store_true", help="no offline Claude, no shop, fewer tests")
    copy.add_argument("--package", metavar="NAME", help="its name, if not DEST's last part")
    add("demo", _demo, "tell the kill-the-worker story in this terminal")
    lab = add("lab", _lab, "start everything, serve JupyterLab until Ctrl-C, stop everything")
    lab.add_argument("--port", type=int, metavar="N", help="JupyterLab's port, if it is free")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


async def _guarded(command: Coroutine[Any, Any, int]) -> None:
    """Run a command so that the first signal cancels it and nothing disturbs its clean-up."""
    task = asyncio.ensure_future(command)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not received:
            received.append(number)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        with _plain_errors():
            code = await task
    except BaseException as err:
        _stop(_our_children())
        if not received or not isinstance(err, asyncio.CancelledError):
            raise
        with suppress(OSError):  # after SIGHUP there is no terminal to print to
            print("Stopped.", file=sys.stderr, flush=True)
        code = 128 + received[0]
    raise SystemExit(code)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn an error that a user can fix into its one message and exit code 1."""
    from classroom.machine.home import ClassroomError
    from offline_claude.errors import OfflineClaudeError

    try:
        yield
    except BrokenPipeError:
        raise
    except (ClassroomError, OfflineClaudeError, ConnectionError) as err:
        raise SystemExit(str(err)) from None
    except ModuleNotFoundError as err:
        if err.name is None or err.name.split(".")[0] in (
            "agentkit",
            "classroom",
            "offline_claude",
        ):
            raise
        raise SystemExit(
            f"The package {err.name} isn't installed. Fix it with: "
            f"{sys.executable} -m pip install 'agentkit[lab]'   (in a checkout: make lab)"
        ) from None


async def _doctor(_: argparse.Namespace) -> int:
    from classroom.machine.doctor import check

    checks = await asyncio.to_thread(check)
    for each in checks:
        print(each)
    return 0 if all(each.ok for each in checks) else 1


async def _up(_: argparse.Namespace) -> int:
    from classroom.machine import dev_server, which_claude
    from classroom.machine.which_claude import OwnClaude

    own = dev_server.own_server()
    claude = await which_claude.ensure()
    if own is not None:
        await dev_server.reach(own)
        temporal, note = f"{own}, your own", ""
    else:
        server = await dev_server.ensure()
        temporal, note = f"embedded at {server.address}, {server.web_ui}", server.note
    if isinstance(claude, OwnClaude):
        print(f"Claude:   {claude.host}")
    else:
        print(f"Claude:   offline, a stand-in on this machine and not a model, at {claude.url}")
    print(f"Temporal: {temporal}")
    if note:
        print(note)
    print("Stop what runs on this machine with: .venv/bin/agentkit down", flush=True)
    return 0


async def _down(arguments: argparse.Namespace) -> int:
    from classroom.machine import locks, processes
    from classroom.machine.home import ClassroomError

    # Whoever is starting something gets the time to finish. Stopping works in any case, even
    # on a disk that is full or read-only, where nothing can be locked.
    async with AsyncExitStack() as stack:
        with suppress(ClassroomError, OSError):
            await stack.enter_async_context(locks.exclusively(timeout=5))
        stopped = _stop(processes.everything())
    print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing of ours was running.")
    if arguments.reset:
        print(_reset())
    return 0


def _stop(running: Iterable[Background]) -> list[str]:
    """Stop processes, workers before what they talk to, and return their names."""
    last = {"offline-claude": 1, "web-ui": 2, "temporal": 3}
    names = []
    for process in sorted(running, key=lambda p: last.get(p.name, 0)):
        process.stop(grace=5)
        names.append(process.name)
    return names


def _our_children() -> list[Background]:
    """List what this very process started in the background."""
    import psutil

    from classroom.machine import processes
    from classroom.machine.home import ClassroomError

    children = {child.pid for child in psutil.Process().children()}
    with suppress(ClassroomError):  # nothing starts where the state folder can't be trusted
        return [process for process in processes.everything() if process.pid in children]
    return []


def _reset() -> str:
    """Delete what makes a start remember earlier ones, and nothing that isn't the course's."""
    from classroom.machine.home import ClassroomError, folder

    files = [folder() / f"{name}{side}" for name in _STATE for side in _SIDE_FILES]
    try:
        for file in [*files, folder() / "temporal.ports"]:
            file.unlink(missing_ok=True)
        for each in ("logs", "processes"):
            shutil.rmtree(folder() / each, ignore_errors=True)
    except OSError as err:
        raise ClassroomError(
            f"Can't delete {err.filename} ({err.strerror}). Make {folder()} writable and "
            "try again: .venv/bin/agentkit down --reset"
        ) from None
    return "Forgotten: all runs, the shop's orders, logs and ports. The next start is a first one."


def _offline(port: int, log: Path | None) -> None:
    """Serve until a signal comes. The server brings its own event loop, so it gets no other."""
    try:
        with _plain_errors():
            from offline_claude import serve

            serve(port, log)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        leave(130)
    except SystemExit as err:
        print(err, file=sys.stderr)
        leave(1)
    leave(0)


async def _copying(arguments: argparse.Namespace) -> int:
    from classroom.copy import command

    return await command.copy(arguments) if "dest" in arguments else command.print_recipes()


async def _demo(_: argparse.Namespace) -> int:
    from classroom.demo import tell

    await tell()
    return 0


async def _lab(arguments: argparse.Namespace) -> int:
    from classroom.lab import serve

    try:
        await _up(arguments)
        await serve(arguments.port, browser=not arguments.no_browser)
    finally:
        await _down(argparse.Namespace(reset=False))
    return 0
