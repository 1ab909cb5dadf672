"""What `copy` refuses, what it leaves behind, and what a project is made of."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions, requires, version
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from temporalio.envconfig import ClientConfig
from temporalio.service import TLSConfig

from classroom import copy, workers
from classroom.copy import copy_recipe, plan_copy, writing
from classroom.copy.project_files import installed_packages
from classroom.copy.wheel import CHECKOUT, build_wheel
from classroom.machine.home import ClassroomError
from classroom.recipes import list_recipes

LOCK = CHECKOUT / "requirements.txt"
RECIPES = [recipe.name for recipe in list_recipes()]


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("bare", [False, True])
async def test_dry_run_lists_files_and_writes_nothing(tmp_path: Path, bare: bool) -> None:
    dest = tmp_path / "new" / "support-desk"
    planned = plan_copy("durable_loop", dest, bare=bare)
    assert everything_in(tmp_path) == []
    written = await copy_recipe("durable_loop", dest, bare=bare)
    assert planned == written
    assert len(planned.files) <= 60
    files = [str(f.relative_to(dest)) for f in dest.rglob("*") if f.is_file()]
    assert sorted(files) == sorted(written.files)
    assert everything_in(tmp_path / "new")[0] == "support-desk", "nothing lies beside it"
    assert bare != any(file.endswith((".whl", "test_behaviour.py")) for file in files)


@pytest.mark.parametrize(
    ("folder", "package"),
    [
        ("support-desk", "support_desk"),
        ("Support Desk 2", "support_desk_2"),
        ("my.agent", "my_agent"),
    ],
)
def test_package_is_named_after_folder(tmp_path: Path, folder: str, package: str) -> None:
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
        ("offline_claude", "another part of the project"),
    ],
)
def test_unusable_package_name_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ClassroomError, match=why) as refused:
        plan_copy("durable_loop", tmp_path / "desk", package=name)
    assert "--package support_desk" in str(refused.value)


def test_unknown_recipe_error_lists_known_recipes(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match=", ".join(RECIPES)):
        plan_copy("durable_lop", tmp_path / "desk")


async def test_existing_destination_is_never_overwritten(tmp_path: Path) -> None:
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


async def test_empty_folder_is_filled_in_place(tmp_path: Path) -> None:
    here = tmp_path / "desk"
    here.mkdir()
    before = here.stat().st_ino
    await copy_recipe("durable_loop", here)
    assert here.stat().st_ino == before, "a shell that stands in it goes on"
    assert (here / "desk/tools.py").exists()
    assert everything_in(tmp_path)[0] == "desk"
    assert [each.name for each in tmp_path.iterdir()] == ["desk"]


async def test_files_that_appear_during_copy_are_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = tmp_path / "desk"

    async def another_program_is_faster(folder: Path) -> None:
        dest.mkdir()
        (dest / "mine.txt").write_text("mine")

    monkeypatch.setattr(writing, "_format", another_program_is_faster)
    with pytest.raises(ClassroomError, match="is taken by now"):
        await copy_recipe("durable_loop", dest)
    assert everything_in(tmp_path) == ["desk", "desk/mine.txt"]


@pytest.mark.parametrize("inside", ["desk", "notebooks/desk", ".agentkit/desk"])
def test_destination_inside_repository_is_refused(inside: str) -> None:
    with pytest.raises(ClassroomError, match="inside this repository"):
        plan_copy("durable_loop", CHECKOUT / inside)


async def test_unusable_parent_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassroomError, match=r"can't be made .*Nothing was written"):
        await copy_recipe("durable_loop", tmp_path / "file" / "desk")


async def test_cancelled_copy_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = asyncio.Event()

    async def wait_forever(folder: Path) -> None:
        written.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(writing, "_format", wait_forever)
    task = asyncio.create_task(copy_recipe("durable_loop", tmp_path / "a" / "b" / "desk"))
    await written.wait()
    assert everything_in(tmp_path) != []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert everything_in(tmp_path) == []


def test_full_disk_leaves_nothing_and_is_reported_in_one_line(tmp_path: Path) -> None:
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


def test_command_prints_next_steps(tmp_path: Path) -> None:
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
async def test_project_passes_ruff_whatever_its_package_is_called(
    recipe: str, package: str, tmp_path: Path
) -> None:
    await copy_recipe(recipe, tmp_path / "project", package=package)
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
        done = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("recipe", RECIPES)
def test_project_has_at_most_60_files(recipe: str, tmp_path: Path) -> None:
    assert len(plan_copy(recipe, tmp_path / "desk").files) <= 60


async def test_agentkit_is_vendored_byte_for_byte_without_unused_subpackages(
    tmp_path: Path,
) -> None:
    files = (await copy_recipe("durable_loop", tmp_path / "desk")).files
    copied = tmp_path / "desk/agentkit"
    folders = {".", "stores", "testing"}
    assert {str(each.parent.relative_to(copied)) for each in copied.rglob("*.py")} == folders
    for folder in folders:
        for module in (CHECKOUT / "agentkit" / folder).glob("*.py"):
            copy = copied / folder / module.name
            assert copy.read_bytes() == module.read_bytes(), module.name
    assert "agentkit/approvals/gate.py" in plan_copy("approval_gate", tmp_path / "gate").files
    assert "agentkit/transcript/chain.py" in plan_copy("long_running", tmp_path / "long").files
    origin = files["agentkit/ORIGIN.md"].decode()
    assert re.search(r"agentkit [\d.]+ \(commit [0-9a-f]{12}(, with changes since)?\)", origin)
    assert (CHECKOUT / "LICENSE").read_text() in origin


def test_recipe_changes_only_by_its_name_and_one_import_of_its_tools(tmp_path: Path) -> None:
    (recipe,) = [each for each in list_recipes() if each.name == "research_agent"]
    files = plan_copy("research_agent", tmp_path / "desk", package="help_desk").files
    for file in recipe.folder.glob("*.py"):
        text = file.read_text().replace("recipes.research_agent", "help_desk")
        if file.name == "tools.py":
            assert text.count("from classroom") == 1
            text = text.replace("from classroom", "from help_desk")
        assert files[f"help_desk/{file.name}"].decode() == text


def test_example_shop_has_every_name_that_recipes_import() -> None:
    example = vars(importlib.import_module("classroom.copy.project.shop"))
    for recipe in list_recipes():
        text = (recipe.folder / "tools.py").read_text()
        imported = re.findall(r"^from classroom\.shop import (.+|\([^)]+\))$", text, re.MULTILINE)
        names = re.findall(r"\w+", "".join(imported)) + re.findall(r"\bshop\.(\w+)", text)
        assert {name for name in names if name not in ("import", *example)} == set(), recipe.name


async def test_env_example_lists_settings_that_temporal_reads(
    tmp_path: Path,
) -> None:
    for name in ("client.pem", "client.key"):
        (tmp_path / name).write_text(name)
    text = plan_copy("durable_loop", tmp_path / "desk").files[".env.example"].decode()
    settings = dict(re.findall(r"^#(TEMPORAL_\w+)=(.*)$", text, re.MULTILINE))
    settings = {n: v.replace("/etc/temporal", str(tmp_path)) for n, v in settings.items() if v}
    read = ClientConfig.load_client_connect_config(override_env_vars=settings)
    assert read.get("target_host") == "127.0.0.1:7233"
    assert read.get("namespace") == "default"
    tls = read.get("tls")
    assert isinstance(tls, TLSConfig)
    assert (tls.client_cert, tls.client_private_key) == (b"client.pem", b"client.key")


def test_project_lock_is_a_complete_part_of_ours(tmp_path: Path) -> None:
    ours = dict(re.findall(r"^([a-z0-9._-]+)==([^ \n]+)", LOCK.read_text(), re.MULTILINE))
    files = plan_copy("durable_loop", tmp_path / "desk").files
    pins = {}
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in files[name].decode().replace(" \\\n", "").splitlines():
            assert line == "-r requirements.txt" or " --hash=sha256:" in line
            if not line.startswith(("-r ", "./")):
                package, _, version = line.partition(" ")[0].partition("==")
                assert ours[package] == version, line
                assert package not in pins, line
                pins[package] = name
    assert pins.keys() == installed_packages()
    production = {package for package, name in pins.items() if name == "requirements.txt"}
    assert {"temporalio", "protobuf", "anthropic", "httpx2", "h11", "pydantic-core"} <= production
    assert not production & {"jupyterlab", "pytest", "starlette", "ruff"}
    # What the direct dependencies need, and what that needs, is pinned as well.
    installed = {canonicalize_name(each.name) for each in distributions()}  # not on every system
    for package in pins.keys() & installed:
        for need in requires(package) or []:
            wanted = Requirement(need)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                assert canonicalize_name(wanted.name) in pins, (package, need)


def test_wheel_is_reproducible_and_its_record_complete(tmp_path: Path) -> None:
    (tmp_path / "agentkit_stand_ins-1-py3-none-any.whl").write_bytes(build_wheel())
    assert build_wheel() == build_wheel()
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        (record,) = [name for name in names if name.endswith("/RECORD")]
        listed = [line.split(",")[0] for line in wheel.read(record).decode().splitlines()]
        assert listed == names
        (bill,) = [json.loads(wheel.read(name)) for name in names if "/sboms/" in name]
    parts = {part["name"]: part["version"] for part in bill["components"]}
    assert parts["starlette"] == version("starlette")
    assert {"orjson", "pillow", "uvicorn", "jsonschema"} <= parts.keys() <= installed_packages()
    assert {"offline_claude/server.py", "classroom/shop/schema.sql"} <= set(names)
    assert not [name for name in names if name.startswith(("agentkit/", "classroom/copy"))]


def test_recipe_with_syntax_error_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "recipes/durable_loop"
    shutil.copytree(workers.NOTEBOOKS / "recipes/durable_loop", broken)
    (broken / "tools.py").write_text("def broken(:\n")
    monkeypatch.setattr(copy, "list_recipes", lambda: list_recipes(broken.parent))
    with pytest.raises(ClassroomError, match=r"tools\.py"):
        asyncio.run(copy_recipe("durable_loop", tmp_path / "desk"))
    assert not (tmp_path / "desk").exists()


def test_what_a_projects_tests_have_started_ends_with_them_however_they_end(tmp_path: Path) -> None:
    code = f"""
import pathlib, sys
from classroom.copy.project.run import Part
sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]
print(Part("server", sleeps, pathlib.Path({str(tmp_path / "log")!r})).process.pid, flush=True)
raise BrokenPipeError
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert not psutil.pid_exists(int(done.stdout))
