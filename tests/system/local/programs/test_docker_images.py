"""`srun --environment` on the process back end: images by name, in Docker."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from cluster.bases import docker, import_tree
from contained import PATH, no_containers, run, sh, started, tasks_in


@pytest.mark.docker
def test_an_image_by_name_is_run_in_docker_as_its_edf_says(dockerd, edf, tmp_path):
    """The same as with an image file, and as the calling user."""
    folder = tmp_path / "a,b"
    folder.mkdir()
    (folder / "file").write_text("of the host")
    path = edf(
        'image = "bare:1"\nworkdir = "/w d"\n'
        f'mounts = ["{folder}:/w d", "{folder}:/deep/er/ro:ro", "tmpfs:/t", "umount:/x"]\n'
        '[env]\nA = "${HOST}-${LANG}-$${x}"\nGONE = ""\nLANG = "edf"\n'
    )
    script = (
        'echo "$A|${GONE-unset}|$HOST|$LANG"; pwd; cat file; echo; id -u; echo new > made;'
        "(echo x > /deep/er/ro/x) 2>/dev/null || echo ro; echo x > /t/x && echo tmp; exit 0"
    )
    out = sh(dockerd, path, script, env={"HOST": "h i", "GONE": "1", "LANG": "host"})
    assert out.splitlines() == [
        "h i-C.UTF-8-${x}|unset|h i|edf", "/w d", "of the host", str(os.getuid()), "ro", "tmp",
    ]  # fmt: skip
    assert (folder / "made").read_text() == "new\n"


@pytest.mark.docker
def test_writable_and_entrypoint_are_dockers_too(dockerd, engine, edf, tmp_path):
    """Read-only roots; the image's entrypoint in front of the command, or not."""
    path = edf('image = "bare:1"\nwritable = false\n')
    assert sh(dockerd, path, "(echo x > /etc/made) 2>/dev/null || echo no") == "no\n"
    (tmp_path / "Dockerfile").write_text('FROM bare:1\nENTRYPOINT ["env", "BY=entrypoint"]\n')
    docker(engine, "build", "--quiet", "--tag", "entered:1", str(tmp_path))
    for switch, expected in (("true", "entrypoint\n"), ("false", "none\n")):
        path = edf(f'image = "entered:1"\nentrypoint = {switch}\n')
        assert sh(dockerd, path, "echo ${BY:-none}") == expected


@pytest.mark.docker
def test_exit_codes_and_signals_pass_through_docker(dockerd, engine, edf):
    """The command's own status, TERM to the client; a killed client leaves no container."""
    path = edf('image = "bare:1"\n')
    assert run(dockerd, path, "sh", "-c", "exit 7").returncode == 7
    assert run(dockerd, path, "no-such-program").returncode == 127
    trap = "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    with started(dockerd, path, trap) as process:
        os.killpg(process.pid, signal.SIGTERM)
        assert "got" in process.stdout.read()
        assert process.wait() == 5
    with started(dockerd, path, "sleep 1000 & echo up; sleep 1000") as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    no_containers(engine, "bare:1")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('image = "bare:1"\nmounts = ["/absent:/a"]', "the source of the mount '/absent:/a'"),
        ('image = "bare:1"\nmounts = ["/tmp:/a:sqsh"]', "cannot be mounted into a Docker"),
        ('image = "/x.sqsh"', "needs bubblewrap"),
    ],
)
def test_each_failure_with_docker_says_why(dockerd, edf, text, words):
    """On standard error, with an exit status."""
    done = run(dockerd, edf(text), "true")
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.docker
def test_an_image_that_no_registry_has(dockerd, edf):
    """It is pulled where its name says; nobody answers at that address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        registry = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(dockerd, edf(f'image = "{registry}#absent/img:1"'), "true")
    assert done.returncode == 1
    assert f"Docker has no image {registry}/absent/img:1" in done.stderr
    assert "set DOCKER_HOST in the terminal of `fcx local up`" in done.stderr


@pytest.mark.docker
def test_docker_that_does_not_answer_is_told(dockerd, edf):
    """A client without a daemon is no engine."""
    silent = [word if "://" not in word else "unix:///nonexistent.sock" for word in dockerd]
    done = run(silent, edf('image = "bare:1"'), "true")
    assert (done.returncode, "Docker does not answer" in done.stderr) == (1, True)
    assert "the Docker at unix:///nonexistent.sock was asked" in done.stderr


@pytest.mark.docker
def test_tasks_run_in_a_docker_image_on_the_local_cluster(
    dockerd, engine, python_tree, tmp_path, place
):
    """The same with an image that is named by its tag."""
    import_tree(engine, python_tree, "team/python:1", [f"ENV PATH={PATH}"])
    tasks_in(dockerd, "team/python:1", tmp_path, place / "name.toml")
    no_containers(engine, "team/python:1")
