"""A session of a user, request by request: the statuses, words and shapes of a real server."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.clients import clear_up, systems_with
from conformance.exchanges import Scenario
from conformance.servers import script
from firecrest.Authorization import ClientCredentialsAuth
from firecrest.v2 import Firecrest

pytest_plugins = ["conformance.fixtures"]
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.mark.slow
def test_a_session(server, place, direct, tmp_path):
    """Status, jobs, files, tokens: some eighty requests, one after the other."""
    scenario = Scenario(server, "session", place)
    _status(scenario, direct)
    _first_jobs(scenario, direct)
    _directories(scenario, direct)
    _uploads(scenario, direct, tmp_path)
    _odd_names(scenario, direct, tmp_path)
    _views(scenario, direct, tmp_path)
    _changes(scenario, direct)
    _refusals(scenario, direct)
    _unknown(scenario, direct)
    _listings(scenario, direct)
    _tokens(scenario)
    assert scenario.verdict() == ""


def _status(scenario: Scenario, c: Firecrest) -> None:
    system = scenario.server.system
    scenario.ask("server_version", c.server_version)
    scenario.ask("nodes", lambda: c.nodes(system))
    scenario.ask("partitions", lambda: c.partitions(system))
    scenario.ask("reservations", lambda: c.reservations(system))
    scenario.ask("userinfo", lambda: c.userinfo(system))


def _first_jobs(scenario: Scenario, c: Firecrest) -> None:
    system, home = scenario.server.system, scenario.home
    text = (
        "#!/bin/bash\n#SBATCH --job-name=full\n#SBATCH --output=o-%j.txt\n"
        "#SBATCH --error=e-%j.txt\necho out; echo err >&2; env | grep MYV; sleep 2\n"
    )
    env = {"MYV": "v1", "MYV2": "a b=c;d"}
    job = scenario.ask(
        "submit(script_str)", lambda: c.submit(system, home, script_str=text, env_vars=env)
    )["jobId"]
    scenario.ask("wait_for_job", lambda: c.wait_for_job(system, job))
    meta = scenario.ask("job_metadata", lambda: c.job_metadata(system, job))
    assert meta[0]["script"] == text
    out = scenario.ask("view stdout", lambda: c.view(system, f"{home}/o-{job}.txt"))
    assert {"out", "MYV=v1", "MYV2=a b=c;d"} <= set(out.splitlines())
    scenario.ask("view stderr", lambda: c.view(system, f"{home}/e-{job}.txt"))
    text = script("env | grep MYV", "--output=o-comma")
    env = {"MYV": "a,b", "MYV3": "x"}
    job = scenario.ask(
        "env_vars with comma", lambda: c.submit(system, home, script_str=text, env_vars=env)
    )["jobId"]
    scenario.server.finished(job)
    out = scenario.ask("view o-comma", lambda: c.view(system, f"{home}/o-comma"))
    assert {"MYV=a", "MYV3=x"} <= set(out.splitlines())
    text = script("env; ulimit -a; umask", "--output=o-env")
    job = scenario.ask(
        "submit(env_vars=None) job env default", lambda: c.submit(system, home, script_str=text)
    )["jobId"]
    scenario.server.finished(job)
    out = scenario.ask("view o-env", lambda: c.view(system, f"{home}/o-env")).splitlines()
    assert {"F7T_version=v2.0.0", "0022"} <= set(out)
    assert any(line.startswith("HOME=/") for line in out)


def _directories(scenario: Scenario, c: Firecrest) -> None:
    system, home = scenario.server.system, scenario.home
    scenario.ask("mkdir", lambda: c.mkdir(system, f"{home}/d1/d2", create_parents=True))
    scenario.ask("mkdir existing", lambda: c.mkdir(system, f"{home}/d1/d2"))
    scenario.ask("mkdir -p existing", lambda: c.mkdir(system, f"{home}/d1/d2", create_parents=True))
    scenario.ask("mkdir in missing parent", lambda: c.mkdir(system, f"{home}/nope/d2"))
    scenario.ask("mkdir outside fs", lambda: c.mkdir(system, "/var/tmp/x"))
    if c.userinfo(system)["user"]["id"] == "0":
        scenario.omit(
            "mkdir no permission", "the user who started the server is root, who may do it"
        )
    else:
        scenario.ask("mkdir no permission", lambda: c.mkdir(system, "/home/x"))


def _uploads(scenario: Scenario, c: Firecrest, tmp_path: Any) -> None:
    system, home = scenario.server.system, scenario.home
    (tmp_path / "up").write_bytes(bytes(range(256)) * 100)
    python = "import os  # \u00e4\n\n\ndef f(x):\n    return x  # " + "y" * 600 + "\n"
    (tmp_path / "py").write_text(python, encoding="utf-8")
    (tmp_path / "none").write_bytes(b"")
    up, down = tmp_path / "up", tmp_path / "down"
    path = f"{home}/d1/up.bin"
    scenario.ask("upload 25600B binary", lambda: c.upload(system, up, f"{home}/d1", "up.bin"))
    scenario.ask("download", lambda: c.download(system, path, down))
    assert down.read_bytes() == up.read_bytes()
    scenario.ask(
        "upload overwrite same name",
        lambda: c.upload(system, tmp_path / "py", f"{home}/d1", "up.bin"),
    )
    scenario.ask("stat", lambda: c.stat(system, path))
    scenario.ask("checksum", lambda: c.checksum(system, path))
    kind = scenario.ask("file_type", lambda: c.file_type(system, path))
    assert "Python script" in kind
    scenario.ask("list_files", lambda: c.list_files(system, f"{home}/d1"))
    scenario.ask("list_files on a file", lambda: c.list_files(system, path))
    scenario.ask("list_files missing", lambda: c.list_files(system, f"{home}/nope"))
    scenario.ask("upload to missing dir", lambda: c.upload(system, up, f"{home}/nope", "up.bin"))
    scenario.ask(
        "upload empty file", lambda: c.upload(system, tmp_path / "none", f"{home}/d1", "empty")
    )
    scenario.ask("stat of the empty file", lambda: c.stat(system, f"{home}/d1/empty"))
    scenario.ask("download empty file", lambda: c.download(system, f"{home}/d1/empty", down))
    assert down.read_bytes() == b""
    scenario.ask("view empty", lambda: c.view(system, f"{home}/d1/empty"))


def _odd_names(scenario: Scenario, c: Firecrest, tmp_path: Any) -> None:
    system, folder = scenario.server.system, f"{scenario.home}/d1"
    for label, name in (
        ("upload name with space/quote", "a b.bin"),
        ("upload name with single quote", "a'b.bin"),
        ("upload name with unicode", "ä.bin"),
        ("upload name with double quote", 'a"b.bin'),
        ("upload name with $", "a$HOME`id`.bin"),
    ):
        scenario.ask(label, lambda name=name: c.upload(system, tmp_path / "up", folder, name))

    def names() -> list[str]:
        return sorted(entry["name"] for entry in c.list_files(system, folder))

    # `ls --quoting-style=c` in the C locale shows what is not ASCII in octal.
    scenario.ask("ls", lambda: sorted(names(), key=lambda name: (name[0] == "\\", name)))


def _views(scenario: Scenario, c: Firecrest, tmp_path: Any) -> None:
    system, home = scenario.server.system, scenario.home
    text = scenario.ask("view binary", lambda: c.view(system, f"{home}/d1/a b.bin"))
    assert text == (bytes(range(256)) * 100).decode("utf-8", "replace")
    scenario.ask("view missing", lambda: c.view(system, f"{home}/nope"))
    scenario.ask("view dir", lambda: c.view(system, f"{home}/d1"))
    down = tmp_path / "x"
    scenario.ask("download missing", lambda: c.download(system, f"{home}/nope", down))
    scenario.ask("download dir", lambda: c.download(system, f"{home}/d1", down))
    scenario.ask("stat missing", lambda: c.stat(system, f"{home}/nope"))
    scenario.ask("view relative path", lambda: c.view(system, "d1"))
    scenario.ask("view outside fs", lambda: c.view(system, "/etc/passwd"))
    scenario.ask(
        "view /home/../../etc/passwd",
        lambda: c.view(system, f"{home}/../../../../../../etc/passwd"),
    )
    scenario.ask("view no permission", lambda: c.view(system, "/etc/munge/munge.key"))
    scenario.server.put(f"{home}/o", b"out\nMYV=v1\nMYV2=a b=c;d\n")
    scenario.ask("head", lambda: c.head(system, f"{home}/o", num_lines=1))
    scenario.ask("tail", lambda: c.tail(system, f"{home}/o", num_lines=1))


def _changes(scenario: Scenario, c: Firecrest) -> None:
    system, home = scenario.server.system, scenario.home
    scenario.ask("chmod", lambda: c.chmod(system, f"{home}/d1/up.bin", "700"))
    scenario.ask("symlink", lambda: c.symlink(system, f"{home}/d1/up.bin", f"{home}/d1/ln"))
    scenario.ask("rm file", lambda: c.rm(system, f"{home}/d1/ln"))
    scenario.ask("rm missing", lambda: c.rm(system, f"{home}/d1/ln"))
    old, new = f"{home}/d1/up.bin", f"{home}/d1/moved"
    scenario.ask("mv (job)", lambda: c.mv(system, old, new, account=scenario.server.account))
    scenario.ask("rm dir", lambda: c.rm(system, f"{home}/d1"))


def _refusals(scenario: Scenario, c: Firecrest) -> None:
    server, home = scenario.server, scenario.home

    def submit(text: str, directory: str = home, **kwargs: Any) -> Any:
        return c.submit(server.system, directory, script_str=text, **kwargs)

    fine = script("sleep 1")
    if server.kind == "slurm":
        scenario.omit(
            "script bad account", "without an accounting database Slurm takes any account"
        )
    else:
        scenario.ask("script bad account", lambda: submit(fine, account="nope"))
    jobs = [
        scenario.ask("script empty", lambda: submit("")),
        scenario.ask("script no shebang", lambda: submit("echo hello\n")),
        scenario.ask("bad partition", lambda: submit(script("true", "--partition=nope"))),
        scenario.ask("workdir missing", lambda: submit(fine, f"{home}/nope")),
        scenario.ask("workdir outside fs", lambda: submit(fine, "/var/tmp")),
        scenario.ask("CRLF script", lambda: submit("#!/bin/bash\r\ntrue\r\n")),
        scenario.ask("script with NUL", lambda: submit("#!/bin/bash\ntrue \0\n")),
        scenario.ask("time over partition limit", lambda: submit(script("true", "--time=30-0"))),
        scenario.ask("too many cpus", lambda: submit(script("true", "--ntasks=5000"))),
    ]
    server.put(f"{home}/script.sh", fine.encode())
    jobs.append(
        scenario.ask(
            "script_remote_path",
            lambda: c.submit(server.system, home, script_remote_path=f"{home}/script.sh"),
        )
    )
    clear_up(server, jobs)


def _unknown(scenario: Scenario, c: Firecrest) -> None:
    system, home = scenario.server.system, scenario.home
    scenario.ask("job_info nonexistent", lambda: c.job_info(system, "99999999"))
    scenario.ask("job_info bad id", lambda: c.job_info(system, "a-b"))
    scenario.ask("job_info alpha id", lambda: c.job_info(system, "abc"))
    scenario.ask("job_metadata nonexistent", lambda: c.job_metadata(system, "99999999"))
    scenario.ask("nonexistent system", lambda: c.job_info("nope", "1"))
    scenario.ask("nonexistent system ls", lambda: c.list_files("nope", home))
    scenario.ask("system name upper case", lambda: c.list_files(system.upper(), home))


def _listings(scenario: Scenario, c: Firecrest) -> None:
    system = scenario.server.system
    scenario.ask("job_info() all", lambda: c.job_info(system))
    scenario.ask("job_info(name=)", lambda: c.job_info(system, name="full"))
    scenario.ask("job_info(time_window=1h)", lambda: c.job_info(system, time_window="1h"))
    scenario.ask("job_info(time_window=bad)", lambda: c.job_info(system, time_window="2h"))


def _tokens(scenario: Scenario) -> None:
    server = scenario.server
    real = server.auth.get_access_token()
    middle = len(real) // 2
    tampered = real[:middle] + ("A" if real[middle] != "A" else "B") + real[middle + 1 :]
    scenario.ask("token garbage", lambda: systems_with(server, "garbage"))
    scenario.ask("token tampered", lambda: systems_with(server, tampered))
    scenario.ask("token empty", lambda: systems_with(server, ""))
    wrong = ClientCredentialsAuth(
        server.env["FIRECREST_CLIENT_ID"], "no-such-secret", server.env["AUTH_TOKEN_URL"]
    )
    scenario.ask("bad client secret", wrong.get_access_token)
    scenario.ask("GET /nonexistent", lambda: server.ask("GET", "/nonexistent"))
