"""The state folder on a machine that others use: what they can't read, and what isn't believed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jupyter_client.manager import start_new_async_kernel

from classroom import lab, shop
from classroom.copy.project.run import settings
from classroom.kernels import SecondKernel
from classroom.machine import locks, processes
from classroom.machine.home import ClassroomError, folder, home, replace_file
from classroom.workers import scratch_copy
from offline_claude.call_log import CallLog
from tests.support.conditions import until
from tests.support.strangers import NOBODY, as_root, open_to_others, seen_by_a_stranger, umask

CHECKOUT = Path(__file__).resolve().parents[2]
KEY = "sk-ant-api03-typed-into-a-cell"
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


@contextmanager
def sleeping(first: str = "", **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that somebody started by hand."""
    command = [SLEEP[0], "-c", first + SLEEP[2]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, **options) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder that isn't made yet, where others could reach it."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    monkeypatch.setenv("AGENTKIT_HOME", str(place / "above" / "state"))
    monkeypatch.delenv("SHOP_DB", raising=False)
    with umask(0o022):
        yield place / "above" / "state"
    monkeypatch.setenv("AGENTKIT_HOME", str(place / "above" / "state"))
    for each in (place / "above", place / "above" / "state"):
        if each.exists():
            os.chown(each, os.geteuid(), -1)
            each.chmod(0o700)
    with suppress(ClassroomError):
        for process in processes.everything():
            process.kill()
    shutil.rmtree(place)


async def _use_everything() -> None:
    child = "import time; open('by-a-child', 'w'); print('up', flush=True); time.sleep(600)"
    process = processes.start("test-child", [sys.executable, "-c", child], cwd=home())
    until(lambda: process.log_tail() == "up")
    async with locks.exclusively():
        pass
    with locks.one_at_a_time("test-child"):
        pass
    replace_file(home() / "temporal.ports", "1 2")
    CallLog(home() / "logs/calls.jsonl").start(question="where is my parcel?")
    lab._folders()
    scratch_copy("durable_loop")
    shop.reset()


@pytest.mark.parametrize("mask", [0, 0o022])
async def test_everything_is_made_for_this_user_alone(mask: int, state: Path) -> None:
    with umask(mask):
        await _use_everything()
        with shop.session() as db:
            db.execute("begin immediate")
            db.execute("update orders set status = 'shipped'")
            assert {"by-a-child", "shop.db-wal"} < set(os.listdir(state))
            assert open_to_others(state.parent) == []


@as_root
async def test_a_stranger_sees_nothing_and_can_hold_no_lock(state: Path) -> None:
    with umask(0):
        await _use_everything()
    state.parent.chmod(0o755)
    assert seen_by_a_stranger(state) == []
    state.chmod(0o755)
    assert seen_by_a_stranger(state) == [str(state)], "each file is closed by itself, too"


def test_folder_of_an_earlier_version_is_closed(state: Path) -> None:
    (state / "processes").mkdir(parents=True)
    state.chmod(0o755)
    assert home() == state.resolve()
    assert open_to_others(state) == [f"drwxr-xr-x {state / 'processes'}"]


def test_folder_with_other_things_is_left_as_it_is(state: Path) -> None:
    (state / "public_html").mkdir(parents=True)
    state.chmod(0o755)
    with pytest.raises(ClassroomError, match=r"not all in it is the course's.*AGENTKIT_HOME="):
        home()
    assert state.stat().st_mode & 0o777 == 0o755


def _linked(state: Path) -> None:
    (state.parent / "elsewhere").mkdir(parents=True)
    state.symlink_to(state.parent / "elsewhere")


def _writable(state: Path) -> None:
    (state / "processes").mkdir(parents=True)
    state.chmod(0o777)


def _sticky(state: Path) -> None:
    (state / "processes").mkdir(parents=True)
    state.chmod(0o1777)


def _group(state: Path) -> None:
    (state / "processes").mkdir(parents=True)
    state.chmod(0o770)


def _strangers(state: Path) -> None:
    (state / "processes").mkdir(parents=True)
    os.chown(state, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "prepare", [_linked, _writable, _sticky, _group, pytest.param(_strangers, marks=as_root)]
)
async def test_folder_that_others_could_fill_is_refused_by_all(prepare, state: Path) -> None:  # type: ignore[no-untyped-def]
    with sleeping(env={**os.environ, processes.STARTED_AS: "x"}) as victim:
        prepare(state)
        _plant(state, "x", victim.pid)
        for use in (home, folder, processes.everything, lambda: processes.find("x"), shop.path):
            with pytest.raises(ClassroomError, match=r"export AGENTKIT_HOME="):
                use()
        if prepare is _writable:
            command = [sys.executable, "-m", "classroom", "down", "--reset"]
            down = subprocess.run(command, capture_output=True, text=True)
            assert (down.returncode, down.stdout) == (1, "")
            assert "export AGENTKIT_HOME=" in down.stderr
            assert "Traceback" not in down.stderr
        assert victim.poll() is None
    assert (state / "processes/x.json").exists(), "nothing there was touched"


def _plant(state: Path, name: str, pid: int, **fields: object) -> Path:
    created = psutil.Process(pid).create_time()
    record = state / "processes" / f"{name}.json"
    record.parent.mkdir(exist_ok=True)
    planted = {"name": name, "pid": pid, "created": created, "details": {}} | fields
    record.write_text(json.dumps(planted))
    return record


def _by_a_stranger(record: Path) -> None:
    os.chown(record, NOBODY, NOBODY)


def _that_others_may_write(record: Path) -> None:
    record.chmod(0o666)


def _that_a_group_may_write(record: Path) -> None:
    record.chmod(0o660)


def _that_leads_elsewhere(record: Path) -> None:
    record.symlink_to(record.rename(record.with_suffix(".txt")))


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(_by_a_stranger, marks=as_root),
        _that_others_may_write,
        _that_a_group_may_write,
        _that_leads_elsewhere,
    ],
)
async def test_record_that_may_be_forged_is_not_believed(forge, state: Path) -> None:  # type: ignore[no-untyped-def]
    with sleeping(env={**os.environ, processes.STARTED_AS: "x"}) as ours:
        record = _plant(home(), "x", ours.pid)
        assert processes.find("x") is not None
        forge(record)
        assert processes.everything() == []


@pytest.mark.parametrize("mark", [{}, {processes.STARTED_AS: "another"}])
async def test_only_what_the_course_has_started_is_ended(mark: dict[str, str], state: Path) -> None:
    env = {name: each for name, each in os.environ.items() if name != processes.STARTED_AS}
    with sleeping(env=env | mark) as stranger:
        _plant(home(), "temporal", stranger.pid)
        assert processes.everything() == []
        assert stranger.poll() is None


@as_root
async def test_another_users_process_is_not_ended(state: Path) -> None:
    env = {**os.environ, processes.STARTED_AS: "x"}
    with sleeping(f"import os; os.setuid({NOBODY}); ", env=env) as theirs:
        _plant(home(), "x", theirs.pid)
        assert processes.everything() == []
        assert theirs.poll() is None


async def test_log_is_the_courses_own_whatever_a_record_says(state: Path) -> None:
    (state.parent.parent / "secret").write_text(KEY)
    process = processes.start("test-sleeper", SLEEP)
    record = _plant(home(), "test-sleeper", process.pid, log=str(state.parent.parent / "secret"))
    found = processes.find("test-sleeper")
    assert found is not None
    assert KEY not in found.log_tail()
    record.write_text(record.read_text().replace("test-sleeper", "../../secret"))
    found = processes.find("test-sleeper")
    assert found is not None
    assert found.name == "test-sleeper"
    found.log.unlink()
    found.log.symlink_to(state.parent.parent / "secret")
    assert found.log_tail() == ""
    with pytest.raises(ClassroomError, match="symbolic link"):
        processes.start("test-sleeper", SLEEP)
    assert (state.parent.parent / "secret").read_text() == KEY


@pytest.mark.parametrize("name", ["temporal.ports", "processes/x.json"])
def test_file_is_written_in_the_place_of_a_link_that_has_its_name(name: str, state: Path) -> None:
    victim = state.parent.parent / "victim"
    victim.write_text("untouched")
    (home() / name).parent.mkdir(exist_ok=True)
    (home() / name).symlink_to(victim)
    replace_file(home() / name, "new")
    assert (victim.read_text(), (home() / name).read_text()) == ("untouched", "new")
    assert not (home() / name).is_symlink()


# Keys that are typed into a cell


async def test_lab_kernels_keep_no_history_of_what_is_typed(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPYTHONDIR")
    env = {**os.environ, **lab._folders(), "PYTHONDONTWRITEBYTECODE": "1"}
    manager, client = await start_new_async_kernel(env=env)
    for code in (f"import os; os.environ['ANTHROPIC_API_KEY'] = {KEY!r}", "%history -n", "1 + 1"):
        reply = await client.execute_interactive(code, timeout=60, allow_stdin=False)
        assert reply["content"]["status"] == "ok"
    client.stop_channels()
    await manager.shutdown_kernel()
    assert _files_with(KEY) == []
    assert open_to_others(home()) == []


async def test_second_kernel_keeps_no_history_in_whatever_folder_it_has(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(home() / "without-settings"))
    kernel = await SecondKernel.start()
    await kernel.run(f"typed = {KEY!r}")
    await kernel.run("print(len(typed))")
    await kernel.close()
    assert _files_with(KEY) == []


def test_kernels_of_this_test_run_keep_no_history() -> None:
    settings = Path(os.environ["IPYTHONDIR"]) / "profile_default/ipython_config.py"
    assert settings.read_text() == "c.HistoryManager.enabled = False\n"


def _files_with(text: str) -> list[Path]:
    files = [each for each in home().rglob("*") if each.is_file()]
    return [each for each in files if text.encode() in each.read_bytes()]


# A copied project's .env


VALUES = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]))


@given(VALUES.filter(lambda text: not ("'" in text and '"' in text)))
@example("a$HOME`touch pwned`$(touch pwned)&b;c|d>e \\ #f")
@example("  blanks  ")
@example("\u2028\x85\x0b")
def test_env_file_gives_back_each_value_that_is_quoted(value: str) -> None:
    quote = "'" if "'" not in value else '"'
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, ".env")
        file.write_bytes(f"NAME={quote}{value}{quote}\nNEXT=1\n".encode())
        assert settings(file) == {"NAME": value, "NEXT": "1"}


def test_env_file_is_read_literally_without_quotes_too(tmp_path: Path) -> None:
    lines = {
        "URL=https://ann:p$a`id`&b=c@hooks.example/x?y=1;z#part": (
            "https://ann:p$a`id`&b=c@hooks.example/x?y=1;z#part"
        ),
        "KEYS=ann=one bob=two # a comment": "ann=one bob=two",
        "export OLD=as in a shell": "as in a shell",
        "EMPTY=": "",
        "NOTE= # nothing yet": "",
        'QUOTED="a # b"  # a comment': "a # b",
        " BLANKS = around it ": "around it",
        "JSON={\"a\": '1'}": "{\"a\": '1'}",
        "CRLF=a line of Windows\r": "a line of Windows",
    }
    (tmp_path / ".env").write_text("\ufeff# first\n\n" + "\n".join(lines), "utf-8", newline="")
    assert list(settings(tmp_path / ".env").values()) == list(lines.values())
    assert settings(tmp_path / "missing") == {}


@pytest.mark.parametrize("line", [f"'{KEY}", f"A='{KEY}", f'A="{KEY}"b', f"A B={KEY}", KEY, "A=\0"])
def test_env_file_that_is_wrong_is_named_by_its_line_and_not_its_text(
    line: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"A=1\n{line}\n")
    with pytest.raises(SystemExit, match=r"\.env, line 2") as refused:
        settings(tmp_path / ".env")
    assert KEY not in str(refused.value)


def test_env_file_that_others_could_read_is_closed_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mode, said in ((0o644, True), (0o600, False), (0o640, True), (0o400, False)):
        (tmp_path / ".env").write_text("A=1")
        (tmp_path / ".env").chmod(mode)
        assert settings(tmp_path / ".env") == {"A": "1"}
        assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
        assert ("chmod 600 .env" in capsys.readouterr().err) is said
        (tmp_path / ".env").unlink()


def test_no_shell_reads_settings() -> None:
    texts = CHECKOUT / "classroom/copy/texts"
    for file in texts.glob("*.txt"):
        assert ". ./.env" not in file.read_text(), file
        assert "include .env" not in file.read_text(), file
    assert "install -m 600 .env.example .env" in (texts / "README.md.txt").read_text()


def test_nothing_names_a_fixed_temporary_file() -> None:
    listed = ["git", "-C", str(CHECKOUT), "ls-files", "*.py", "*.ipynb", "*.txt", "Makefile"]
    files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    shared = tuple(f"{quote}/{folder}/" for quote in "\"'=" for folder in ("tmp", "var/tmp"))
    texts = {each: (CHECKOUT / each).read_text() for each in files if "test_private" not in each}
    fixed = (*shared, "gettempdir")
    found = [name for name, text in texts.items() if any(each in text for each in fixed)]
    assert found == []
