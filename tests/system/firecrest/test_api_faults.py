"""The door on the local cluster: what it does, and what it does while the API fails."""

from __future__ import annotations

import pytest
from executors.deadline import WAIT, eventually

from fcx import errors
from fcx.config import Credentials
from fcx.firecrest.client import Client
from fcx.firecrest.loop import LoopThread
from fcx.local import cluster

SCRIPT = "#!/bin/sh\n#SBATCH --time=00:05:00\n"


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """A cluster of this module's own."""
    with cluster(scheduler="process", root=tmp_path_factory.mktemp("door")) as served:
        yield served


@pytest.fixture
def faults(env):
    """The way to make things go wrong; nothing does before and after a test."""
    yield env.faults
    env.faults.clear()
    env.faults.refuse_credentials(False)


@pytest.fixture
def client(env, faults):
    """One for each test."""
    made = Client(Credentials.from_env(env), patience=60.0)
    yield made
    run(made.close())


@pytest.fixture
def folder(env, client):
    """A directory of the test's own."""
    count = len(run(client.files.list(env.root)))
    path = f"{env.root}/test-{count}"
    run(client.files.make_folder(path))
    return path


def run(work):
    """On the loop thread, whole."""
    return LoopThread.shared().run(work, WAIT)


def submitted(client, folder, line="true"):
    """A job's id."""
    return run(client.jobs.submit(folder, f"{SCRIPT}{line}\n")).job


class TestFiles:
    """client.files: there and back."""

    def test_a_file_from_beginning_to_end(self, client, folder):
        """Written, listed, read in three ways, looked at, removed."""
        files, path = client.files, f"{folder}/f"
        run(files.write(folder, "f", b"0123456789"))
        assert run(files.read_from(path, 4)) == b"456789"
        assert run(files.read_from(path, 10)) == b""
        assert run(files.read_end(path, 3)) == b"789"
        assert run(files.download(path)) == b"0123456789"
        run(files.set_mode(path, "600"))
        found = run(files.stat(path))
        assert (found.size, found.mode & 0o777) == (10, 0o600)
        assert {n: e.size for n, e in run(files.list(folder)).items()} == {"f": 10}
        run(files.write(folder, "f", b"new"))
        assert run(files.download(path)) == b"new"
        run(files.remove(path))
        assert run(files.list(folder)) == {}

    def test_what_is_not_there(self, client, folder):
        """NoSuchPath, and nothing to remove."""
        files, path = client.files, f"{folder}/no"
        for ask in files.list, files.stat, files.download:
            with pytest.raises(errors.NoSuchPath):
                run(ask(path))
        with pytest.raises(errors.NoSuchPath):
            run(files.read_from(path, 0))
        with pytest.raises(errors.NoSuchPath):
            run(files.write(path, "f", b"x"))
        run(files.remove(path))

    def test_folders(self, client, folder):
        """With parents one that exists is fine; without, it is refused."""
        files = client.files
        run(files.make_folder(f"{folder}/a/b"))
        run(files.make_folder(f"{folder}/a/b"))
        with pytest.raises(errors.RequestRefused, match="File exists"):
            run(files.make_folder(f"{folder}/a", parents=False))
        run(files.remove(f"{folder}/a"))
        assert run(files.list(folder)) == {}


class TestJobs:
    """client.jobs: from submit to end."""

    def test_a_job_from_beginning_to_end(self, client, folder):
        """Submitted once, listed, asked for, its output found."""
        answer = run(client.jobs.submit(folder, f"{SCRIPT}echo hello\nexit 3\n"))
        assert not answer.repeated
        ended = eventually(lambda: (s := run(client.jobs.ask(answer.job))) and s.terminal and s)
        assert (ended.job, ended.state, ended.exit_code) == (answer.job, "FAILED", 3)
        listing = run(client.jobs.listing())
        assert ended in listing.jobs
        assert listing.seconds > 0
        (path,) = run(client.jobs.output_paths(answer.job))
        assert run(client.files.read_end(path, 100)) == b"hello\n"

    def test_cancel_is_done_when_the_job_does_not_run(self, client, folder):
        """Once, twice, and for one that never was."""
        job = submitted(client, folder, "sleep 300")
        run(client.jobs.cancel(job))
        ended = eventually(lambda: (s := run(client.jobs.ask(job))) and s.terminal and s)
        assert ended.state == "CANCELLED"
        run(client.jobs.cancel(job))
        run(client.jobs.cancel("99999999"))

    def test_one_that_the_server_does_not_know(self, client, folder, faults):
        """Absence says nothing: it may be known later."""
        assert run(client.jobs.ask("99999999")) is None
        assert run(client.jobs.output_paths("99999999")) == ()
        faults.set("job", missing=1.5)
        job = submitted(client, folder, "sleep 300")
        assert run(client.jobs.ask(job)) is None
        assert eventually(lambda: run(client.jobs.ask(job))).job == job
        run(client.jobs.cancel(job))

    def test_some_each_by_itself(self, client, folder, faults):
        """Those that the server knows, in their order, and what the longest answer took."""
        faults.set("jobs", status=500)
        jobs = [submitted(client, folder, "sleep 300") for _ in range(2)]
        listing = run(client.jobs.each(jobs[0], "99999999", jobs[1]))
        assert [state.job for state in listing.jobs] == jobs
        assert listing.seconds > 0
        for job in jobs:
            run(client.jobs.cancel(job))

    def test_a_script_that_is_refused(self, client, folder):
        """With the words of sbatch."""
        with pytest.raises(errors.JobRefused, match="sbatch: error"):
            run(client.jobs.submit(folder, "no shebang\n"))

    def test_a_ghost(self, client, folder, faults):
        """The answer was an error and the job runs: the second submit is said to be one."""
        faults.set("submit", ghost=1)
        script = f"{SCRIPT}#SBATCH --job-name=ghostly\ntrue\n"
        assert run(client.jobs.submit(folder, script)).repeated
        listed = eventually(
            lambda: (
                len(found := [s for s in run(client.jobs.listing()).jobs if s.name == "ghostly"])
                > 1
                and found
            )
        )
        assert len(listed) == 2

    @pytest.mark.slow
    def test_the_seconds_of_a_listing(self, client, faults):
        """Of the answer that came, without the attempts before it."""
        faults.set("jobs", latency=0.8, crash=1)
        assert run(client.jobs.listing()).seconds >= 0.4


CALLS = {
    "userinfo": lambda c, d: c.user(),
    "systems": lambda c, d: c.systems(),
    "jobs": lambda c, d: c.jobs.listing(),
    "job": lambda c, d: c.jobs.ask("1"),
    "metadata": lambda c, d: c.jobs.output_paths("1"),
    "cancel": lambda c, d: c.jobs.cancel("1"),
    "submit": lambda c, d: c.jobs.submit(d, f"{SCRIPT}true\n"),
    "ls": lambda c, d: c.files.list(d),
    "stat": lambda c, d: c.files.stat(d),
    "mkdir": lambda c, d: c.files.make_folder(f"{d}/a"),
    "chmod": lambda c, d: c.files.set_mode(d, "755"),
    "upload": lambda c, d: c.files.write(d, "f", b"x"),
    "rm": lambda c, d: c.files.remove(f"{d}/f"),
}


class TestTrouble:
    """Each request through each fault that passes."""

    @pytest.mark.parametrize("kind", CALLS)
    def test_passes(self, client, folder, faults, kind):
        """A crash, a closed connection, a lost answer, a status, a limit: the answer comes."""
        for effects in {"crash": 1}, {"drop": 1}, {"lost": 1}:
            faults.set(kind, **effects)
            run(CALLS[kind](client, folder))
        for effects in {"status": 503}, {"rate": 0}:
            faults.set(kind, times=1, **effects)
            run(CALLS[kind](client, folder))
        injected = [fault for fault in faults.injected() if fault["kind"] == kind]
        assert len(injected) >= 5
        assert client.reached

    def test_half_an_upload_is_written_again(self, client, folder, faults):
        """Whole in the end."""
        faults.set("upload", half=1)
        run(client.files.write(folder, "f", b"0123456789"))
        assert run(client.files.download(f"{folder}/f")) == b"0123456789"

    def test_an_outage_that_does_not_pass(self, env, faults):
        """Unreachable within the patience given, with the reason; nothing was ever reached."""
        faults.set("userinfo", status=503)

        async def do():
            client = Client(Credentials.from_env(env), patience=1.0)
            try:
                with pytest.raises(errors.Unreachable, match="HTTP 503"):
                    await client.user()
                return client.reached
            finally:
                await client.close()

        assert run(do()) is False


class TestTokens:
    """Tokens that end, and credentials that are not accepted."""

    def test_they_end_early(self, client, faults):
        """The next request gets another."""
        user = run(client.user())
        faults.expire_tokens()
        assert run(client.user()) == user

    def test_credentials_that_are_refused(self, env, client, faults):
        """Final, and without a secret in it."""
        faults.refuse_credentials()
        with pytest.raises(errors.CredentialsRefused, match="AUTH_TOKEN_URL") as caught:
            run(client.user())
        assert env["FIRECREST_CLIENT_SECRET"] not in str(caught.value)
        faults.refuse_credentials(False)
        assert run(client.user())
