"""``fcx doctor`` on what goes wrong: each trouble is found once, and says what repairs it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from cluster.project import Project
from doctor_cases import WRONG, built, look_at
from small_disk import fill, small_disk

from fcx.config import VARIABLES, Settings
from fcx.doctor.check import Result, State
from fcx.doctor.report import worst
from fcx.executor.preflight import preflight
from fcx.executor.settings import settle
from fcx.local import Environment
from fcx.parity.manifest import Source
from fcx.steps.judging import given_by


def blamed(found: dict[str, Result]) -> list[str]:
    """What is wrong."""
    return [name for name, one in found.items() if one.state is State.WRONG]


def rests_on(found: dict[str, Result], root: str) -> set[str]:
    """What was not tried for its sake."""
    return {name for name, one in found.items() if one.root == root}


def test_all_is_fine(project: Project):
    """With a verdict of a while ago; and what was written to try it is gone."""
    work = project.root.parent / "work"
    assert "none is remembered" in look_at()["verdict"].found.said
    preflight(*settle(given_by(Settings.load(), str(work), None, None, "")))
    before = sorted(work.iterdir())
    found = look_at()
    assert worst(found.values()) is State.FINE
    assert rests_on(found, "engine") == {"builder"}, "nobody needs one"
    assert "passed under 'minor'" in found["verdict"].found.said
    assert sorted(work.iterdir()) == before


def test_nothing_is_set(project: Project):
    """The exit code is 1; what stands on the variables is named in one line, and not as wrong."""
    project.env = {name: value for name, value in project.env.items() if name not in VARIABLES}
    said = project.fcx("doctor", code=1).stdout
    assert "6 of the six are not set: FIRECREST_CLIENT_ID" in said
    assert "fcx local up --env-file env.sh" in said
    told = json.loads(project.fcx("doctor", "--json", code=1).stdout)
    assert told["state"] == "wrong"
    assert sum(line.startswith("wrong") for line in said.splitlines()) == 1
    assert "not tried  address, token, api, clock" in said


@pytest.mark.parametrize(
    ("name", "value", "check", "told", "fix"),
    [
        ("FIRECREST_CLIENT_SECRET", "wrong", "token", "does not accept", "FIRECREST_CLIENT_SECRET"),
        ("FIRECREST_CLIENT_SECRET", '"quoted"', "variables", "quotes", "without quotes"),
        ("FIRECREST_URL", "{FIRECREST_URL}/v2", "api", "Not Found", "export FIRECREST_URL"),
        ("FIRECREST_URL", "api.example.org", "address", "no URL", "export FIRECREST_URL"),
        ("FIRECREST_URL", "http://127.0.0.1:9", "api", "Nothing listens", "fcx local up"),
        ("AUTH_TOKEN_URL", "{FIRECREST_URL}/no", "token", "answered 404", "export AUTH_TOKEN_URL"),
        ("AUTH_TOKEN_URL", "https://{host}/x", "token", "speak TLS", "export AUTH_TOKEN_URL"),
        ("SSL_CERT_FILE", "/nowhere", "address", "SSL_CERT_FILE", "unset SSL_CERT_FILE"),
        ("FIRECREST_SYSTEM", "daint", "system", "it has: fcx-local", "FIRECREST_SYSTEM=fcx-local"),
        ("FIRECREST_ACCOUNT", "nobody", "account", "you may charge", "FIRECREST_ACCOUNT=staff"),
    ],
)  # fmt: skip
def test_a_variable_is_wrong(project, server, monkeypatch, name, value, check, told, fix):
    """It alone is blamed, with what to set."""
    host = server["FIRECREST_URL"].removeprefix("http://")
    monkeypatch.setenv(name, value.format(**server, host=host))
    found = look_at()
    assert blamed(found) == [check]
    assert told in found[check].found.said
    assert fix in found[check].found.fix


def test_a_proxy_that_is_not_there(project, monkeypatch):
    """Its password is not told."""
    monkeypatch.setenv("FIRECREST_URL", "http://api.example.org")
    monkeypatch.setenv("HTTP_PROXY", "http://me:hush@127.0.0.1:9")
    found = look_at()
    assert blamed(found) == ["api"]
    assert "HTTP_PROXY" in found["api"].found.fix
    assert "hush" not in repr(found)
    assert found["address"].state is State.WARNING, "http:// is read on the way"


@pytest.mark.parametrize(
    ("kind", "effects", "check", "state", "told"),
    [
        ("health", {"scheduler": True}, "scheduler", "wrong", "scheduler unwell (Injected fault)"),
        ("health", {"filesystem": True}, "file systems", "wrong", "the server calls filesystem /"),
        ("health", {"s3": True}, "file systems", "warning", "large files go in parts"),
        ("partitions", {"down": True}, "partitions", "wrong", "normal is DOWN"),
        ("partitions", {"crash": True}, "partitions", "wrong", "Connection lost"),
        ("systems", {"skew": 3600}, "clock", "warning", "1 h 0 min behind"),
        ("systems", {"skew": -3600}, "clock", "warning", "1 h 0 min ahead"),
        ("token", {}, "token", "wrong", "FIRECREST_CLIENT_SECRET"),
    ],
)  # fmt: skip
def test_the_cluster_is_not_well(project, server, kind, effects, check, state, told):
    """A service, a partition, a clock; an application that was withdrawn."""
    if kind == "token":
        server.faults.refuse_credentials()
    else:
        server.faults.set(kind, **effects)
    found = look_at()
    assert (found[check].state.value, blamed(found) in ([check], [])) == (state, True)
    assert told in found[check].found.said


def test_what_needs_a_service_is_not_tried(project, server):
    """And the rest is, side by side."""
    server.faults.set("health", scheduler=True)
    found = look_at()
    assert rests_on(found, "scheduler") == {
        "user",
        "account",
        "partitions",
        "working_dir",
        "verdict",
    }
    assert found["file systems"].state is State.FINE


def test_a_server_that_hangs_is_found_out(project, monkeypatch):
    """After as long as one check may take: no other is made to wait for it as well."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AUTH_TOKEN_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/token")
        found = look_at(limit=1.0)
    assert blamed(found) == ["token"]
    assert found["token"].found.said == "no answer within 1 s"
    assert rests_on(found, "token") >= {"api", "system", "partitions", "working_dir"}


@pytest.mark.parametrize(
    ("option", "told", "fix"),
    [
        ("--partition=nonsense", "there is no partition nonsense; there are: normal", "=normal"),
        ("--nodes=7", "7 nodes are asked for, and there are 1", "--nodes=1"),
        ("--account=nobody", "--account among the sbatch options is 'nobody'", "--account=staff"),
    ],
)
def test_an_option_asks_for_what_is_not_there(project, option, told, fix):
    """Before any job is refused."""
    found = look_at(sbatch=[option])
    (check,) = blamed(found)
    assert told in found[check].found.said
    assert fix in found[check].found.fix


class TestWorkingDir:
    """The directory on the cluster."""

    @pytest.mark.parametrize(
        ("path", "told"),
        [
            ("{own}/not-there", "does not exist"),
            ("/sys/kernel", "cannot be written to"),
            ("/opt", "cannot be looked at"),
            ("/sys/kernel/profiling", "is no directory"),
        ],
    )
    def test_it_cannot_be_used(self, project, tmp_path_factory, path, told):
        """Absent, read-only, outside of what the server shows, a file."""
        own = str(tmp_path_factory.getbasetemp())
        found = look_at(working_dir=path.format(own=own))
        assert blamed(found) == ["working_dir"]
        assert told in found["working_dir"].found.said
        assert f'working_dir = "{own}"' in found["working_dir"].found.fix, (
            "it is ours, as is no other"
        )

    def test_there_is_no_room(self, project, tmp_path):
        """The system's words, and what frees some."""
        with small_disk(tmp_path / "full", "size=128k") as full:
            fill(full)
            found = look_at(working_dir=str(full))
        assert "is full" in found["working_dir"].found.said
        assert "fcx runs clean" in found["working_dir"].found.fix

    def test_the_folder_of_runs_is_not_ours_alone(self, project, tmp_path):
        """What others put there would run as us."""
        user = look_at()["user"].found.said.split()[3]
        (tmp_path / "work" / f".fcx-{user}").symlink_to(tmp_path)
        found = look_at()
        assert blamed(found) == ["working_dir"]
        assert "is a symbolic link" in found["working_dir"].found.said

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_it_is_somebody_elses(self, project, tmp_path):
        """That is said where it can be used all the same."""
        os.chown(tmp_path / "work", 12345, -1)
        assert "of user 12345, not yours" in look_at()["working_dir"].found.said

    def test_anybody_may_write_there(self, project, tmp_path):
        """Without the sticky bit others may remove what lies in it."""
        (tmp_path / "work").chmod(0o777)
        assert look_at()["working_dir"].state is State.WARNING
        (tmp_path / "work").chmod(0o1777)
        assert look_at()["working_dir"].state is State.FINE

    def test_none_is_set(self, project):
        """One is proposed, and looked at."""
        project.write("fcx.toml", "")
        found = look_at()["working_dir"]
        assert found.state in WRONG
        assert "working_dir" in found.found.fix


class TestContainer:
    """Image and EDF against client and cluster."""

    def test_the_image_is_stale(self, project):
        """Its source has changed since."""
        image = project.root.parent / "work/img.sqsh"
        image.write_bytes(b"1")
        project.write("containers/Dockerfile", "FROM a\n")
        built(project, image, source=Source("containers", "containers/Dockerfile", "0" * 64))
        found = look_at()
        assert blamed(found) == []
        assert found["staleness"].state is State.WARNING
        assert "fcx" in found["staleness"].found.fix

    def test_the_image_has_another_dill(self, project):
        """Told without a job, with the command for this environment."""
        image = project.root.parent / "work/img.sqsh"
        image.write_bytes(b"1")
        built(project, image, dill="0.0.1")
        found = look_at()
        assert blamed(found) == ["agreement"]
        assert any("dill: wanted" in line for line in found["agreement"].found.details)
        assert found["verdict"].root == "agreement"

    def test_the_image_is_gone(self, project):
        """The EDF names a file of the cluster."""
        built(project, project.root.parent / "work/gone.sqsh")
        found = look_at()
        assert blamed(found) == ["image there"]
        assert "gone.sqsh" in found["image there"].found.said

    def test_the_image_is_for_another_processor(self, project, monkeypatch):
        """The system's is known."""
        image = project.root.parent / "work/img.sqsh"
        image.write_bytes(b"1")
        other = "arm64" if built(project, image).architecture == "amd64" else "amd64"
        text = (project.root / "fcx.toml").read_text()
        project.write("fcx.toml", f'{text}[site.fcx-local]\narchitecture = "{other}"\n')
        found = look_at()
        assert "image" in blamed(found)
        assert "fcx image build --platform" in found["image"].found.fix

    def test_the_manifest_is_damaged(self, project):
        """What would be compared with it is not tried."""
        project.write("edf/fcx-image.manifest.json", "{")
        found = look_at()
        assert blamed(found) == ["image"]
        assert found["edf"].root == "image"

    def test_the_edf_is_gone(self, project):
        """One that fcx.toml names."""
        text = (project.root / "fcx.toml").read_text()
        project.write("fcx.toml", f'{text}environment = "edf/none.toml"\n')
        assert blamed(look_at()) == ["edf"]

    def test_the_edf_is_wrong(self, project):
        """As `fcx edf check` has it."""
        path = project.write("edf/odd.toml", 'image = "a"\nmounts = ["a:/a:rw:x"]\n')
        found = look_at(edf=str(path))
        assert "edf" in blamed(found)
        assert str(path) in found["edf"].found.said

    def test_there_is_no_engine(self, project):
        """A warning where one is to build; else it is not missed."""
        assert look_at()["engine"].state is State.FINE
        project.write("containers/Dockerfile", "FROM a\n")
        found = look_at()
        assert found["engine"].state is State.WARNING
        assert found["builder"].root == "engine"


def test_settings_are_wrong(project):
    """fcx.toml is named, and what takes nothing of it is tried."""
    project.write("fcx.toml", "[executor]\nworking_dri = 1\n")
    found = look_at()
    assert blamed(found) == ["settings"]
    assert "working_dri" in found["settings"].found.said
    assert found["user"].state is State.FINE


def test_a_directory_that_no_executor_would_take(project):
    """That it is not absolute is told once, and not by the server."""
    found = look_at(working_dir="work")
    assert blamed(found) == ["settings"]
    assert "absolute path" in found["settings"].found.said
    assert rests_on(found, "settings") >= {"working_dir", "edf", "staleness"}


def test_nothing_can_be_remembered(project, monkeypatch, tmp_path):
    """A run can do without."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "file/state"))
    assert look_at()["memory"].state is State.WARNING


@pytest.mark.parametrize("words", [("--report",), ("-v",)])
def test_nothing_tells_a_secret(project: Project, server: Environment, words):
    """Nor, in a report, who one is; also where a proxy has a password, or a path has a secret."""
    secret, client = server["FIRECREST_CLIENT_SECRET"], server["FIRECREST_CLIENT_ID"]
    project.env |= {"HTTPS_PROXY": "http://me:hush@proxy.example.org:1"}
    project.env |= {"EDF_PATH": f"/{secret}/{client}"}
    said = project.fcx("doctor", *words).stdout
    hidden = [secret, "hush"]
    if words == ("--report",):
        hidden += [client, server["FIRECREST_ACCOUNT"], str(Path.home())]
        assert said.startswith("`fcx doctor --report`")
        assert "fcx 0." in said
    assert [one for one in hidden if one in said] == []
