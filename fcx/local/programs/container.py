"""Run a command in the container of an EDF, on this machine: what `srun --environment` calls.

A stand-in for the Container Engine, not that engine. Images by name run in Docker, which must
have them or be able to pull them; image files (.sqsh) and folders run in bubblewrap, in the
caller's own process tree. Both get the EDF's mounts, workdir, writable, entrypoint and `[env]`,
the caller's user id and network. Not offered: hooks, so annotations and devices do nothing;
one container shared by the tasks of a node (each task has its own); standard input with Docker.

    container.py --store FOLDER [--docker PROGRAM [--docker-host URL]] [--bwrap PROGRAM]
                 --environment EDF -- COMMAND [ARGUMENT...]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import edf_reader  # type: ignore[import-not-found]
from edf_reader import Mount, Problem

SHELL_STATE = {"PWD", "OLDPWD", "SHLVL", "_"}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGTSTP")
HOST_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/passwd", "/etc/group")

# The first process of a Docker container. Signals that docker passes on reach the command; when
# docker's client is killed, its end of standard input closes and everything in here ends.
FIRST_PROCESS = """
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
for name in HUP INT QUIT TERM USR1 USR2; do
  trap "kill -$name $child 2>/dev/null" $name
done
{ read -r line <&3; kill -KILL -1; } &
exec 3<&-
while :; do
  wait $child
  status=$?
  kill -0 $child 2>/dev/null || exit $status
done
"""

# A root that can be written to, in a mount namespace of its own: an overlay with its upper
# layer in memory. Its arguments: a folder to mount over, the image's tree, the command.
OVERLAY = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
cd "$2"
mount -t overlay -o "lowerdir=.,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd /
shift 2
exec "$@"
"""


def main() -> None:
    """Become the command, in its container."""
    options, command = _arguments()
    try:
        run(options, command)
    except Problem as problem:
        fail(str(problem))


def fail(text: str) -> NoReturn:
    """End with a reason on standard error, as an engine's plugin does."""
    sys.stderr.write(f"slurmstepd: error: container engine (stand-in): {text}\n")
    sys.exit(1)


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="container.py")
    parser.add_argument("--store", required=True)
    parser.add_argument("--docker", default="")
    parser.add_argument("--docker-host", default="")
    parser.add_argument("--bwrap", default="")
    parser.add_argument("--environment", required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    return options, options.command


def run(options: argparse.Namespace, command: list[str]) -> NoReturn:
    """Choose by what the image is; without an image there is no container."""
    cwd = os.getcwd()
    edf = edf_reader.read(options.environment, os.environ, cwd)
    image = edf_reader.expand(edf.get("image", ""), os.environ)
    if not image:
        os.execvp(command[0], command)
    is_file = image.startswith(("/", "./", "../")) or re.search(r"\.(sqsh|sqfs|squashfs)$", image)
    if not is_file:
        Docker(options, edf, cwd).run(image, command)
    Bubblewrap(options, edf, cwd).run(os.path.join(cwd, image), command)


class Engine:
    """What both engines take from an EDF."""

    def __init__(self, options: argparse.Namespace, edf: Mapping[str, Any], cwd: str) -> None:
        self.options, self.edf, self.cwd = options, edf, cwd

    def variables(self, image_env: Mapping[str, str]) -> dict[str, str]:
        """What variables of the EDF are expanded from: the host's, the image's over them."""
        return {**os.environ, **image_env}

    def mounts(self, variables: Mapping[str, str]) -> list[Mount]:
        """All mounts; `umount` takes away what is not there, so it is left out."""
        found = [edf_reader.mount(text, variables, self.cwd) for text in self.edf.get("mounts", [])]
        return [mount for mount in found if mount.source != "umount"]

    def settings(self, variables: Mapping[str, str]) -> dict[str, str]:
        """`[env]`, expanded; an empty value unsets."""
        env = self.edf.get("env", {})
        return {name: edf_reader.expand(value, variables) for name, value in env.items()}

    def workdir(self, variables: Mapping[str, str]) -> str:
        """The folder to start in; empty for the image's own."""
        return str(edf_reader.expand(self.edf.get("workdir", ""), variables))


class Docker(Engine):
    """Images by name."""

    def run(self, image: str, command: list[str]) -> NoReturn:
        """Become docker's client."""
        if not self.options.docker:
            raise Problem(
                f"the image {image} is named by a reference, which needs Docker, and none was "
                "found; pack the image (fcx image pack) and name the file"
            )
        if self.options.docker_host:
            os.environ["DOCKER_HOST"] = self.options.docker_host
        reference = image.replace("#", "/")
        config = self._config(reference)
        image_env = dict(pair.split("=", 1) for pair in config.get("Env") or [] if "=" in pair)
        if self.edf.get("entrypoint", False):
            command = [*(config.get("Entrypoint") or []), *command]
        variables = self.variables(image_env)
        settings = self.settings(variables)
        words = [self.options.docker, "run", "--rm", "--interactive", "--pull=never"]
        words += ["--network=host", "--ipc=host", f"--user={os.getuid()}:{os.getgid()}"]
        words += [f"--group-add={group}" for group in os.getgroups() if group != os.getgid()]
        words += [] if self.edf.get("writable", True) else ["--read-only"]
        words += [f"--mount={_docker_mount(mount)}" for mount in self.mounts(variables)]
        workdir = self.workdir(variables)
        words += [f"--workdir={workdir}"] if workdir else []
        host = set(os.environ) - set(image_env) - SHELL_STATE - {"DOCKER_HOST"} - set(settings)
        words += [f"--env={name}" for name in sorted(host)]
        words += [f"--env={name}={value}" for name, value in settings.items() if value]
        words += ["--entrypoint=sh", reference, "-c", _unsetting(settings) + FIRST_PROCESS, "sh"]
        _keep_input_open()
        os.execv(self.options.docker, [*words, *command])

    def _config(self, reference: str) -> dict[str, Any]:
        """What the image says of itself; pulls it if it is not here."""
        inspect = [self.options.docker, "image", "inspect", "--format={{json .Config}}", reference]
        found = subprocess.run(inspect, capture_output=True, text=True, check=False)
        if found.returncode != 0 and "no such image" in found.stderr.lower():
            pull = [self.options.docker, "pull", "--quiet", reference]
            pulled = subprocess.run(pull, capture_output=True, text=True, check=False)
            if pulled.returncode != 0:
                raise Problem(f"Docker has no image {reference}: {pulled.stderr.strip()}")
            found = subprocess.run(inspect, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise Problem(f"Docker does not answer: {found.stderr.strip()}")
        return dict(json.loads(found.stdout) or {})


def _unsetting(settings: Mapping[str, str]) -> str:
    """Shell lines that unset what `[env]` leaves empty."""
    names = [name for name, value in settings.items() if not value]
    return "".join(f"unset {name}\n" for name in names if re.fullmatch(r"[A-Za-z_]\w*", name))


def _docker_mount(mount: Mount) -> str:
    if "sqsh" in mount.flags:
        raise Problem(f"{mount.source}: a .sqsh cannot be mounted into a Docker container")
    fields = ["type=tmpfs" if mount.source == "tmpfs" else "type=bind", f"target={mount.target}"]
    fields += [] if mount.source == "tmpfs" else [f"source={mount.source}"]
    fields += ["readonly"] if "ro" in mount.flags else []
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)  # docker reads it as CSV
    return line.getvalue()


def _keep_input_open() -> None:
    """Give docker an input that ends when docker's client ends, and not before."""
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.set_inheritable(writing, True)


class Bubblewrap(Engine):
    """Image files and folders."""

    def run(self, image: str, command: list[str]) -> NoReturn:
        """Run bubblewrap in a mount namespace that holds the image's tree as an overlay."""
        if not self.options.bwrap:
            raise Problem(
                f"the image {image} is a file, which needs bubblewrap, and none was found"
            )
        if self.edf.get("entrypoint", False):
            raise Problem(
                "entrypoint = true: an image file's entrypoint is not run here; say false"
            )
        tree = self._tree(image)
        image_env = _environment_file(os.path.join(tree, "etc/environment"))
        variables = self.variables(image_env)
        over = os.path.join(self.options.store, "over")
        os.makedirs(over, exist_ok=True)
        words = ["--bind", f"{over}/root", "/", "--dev-bind", "/dev", "/dev"]
        words += ["--bind", "/proc", "/proc", "--ro-bind", "/sys", "/sys"]
        for path in filter(os.path.exists, HOST_FILES):
            words += ["--ro-bind", path, path]
        for mount in self.mounts(variables):
            words += self._mount(mount)
        words += [] if self.edf.get("writable", True) else ["--remount-ro", "/"]
        words += ["--chdir", self.workdir(variables) or "/", "--clearenv"]
        for name, value in self._environment(image_env, variables).items():
            words += ["--setenv", name, value]
        root = os.getuid() == 0
        ids = ["--uid", str(os.getuid()), "--gid", str(os.getgid())]
        words += [] if root else ["--unshare-user", *ids]
        outer = ["unshare", "--mount", *([] if root else ["--user", "--map-root-user"])]
        outer += ["sh", "-c", OVERLAY, "sh", over, tree, self.options.bwrap]
        sys.exit(Contained(outer, words, command).wait())

    def _environment(
        self, image_env: Mapping[str, str], variables: Mapping[str, str]
    ) -> dict[str, str]:
        """The host's variables, the image's over them, `[env]` over both."""
        host = {name: value for name, value in os.environ.items() if name not in SHELL_STATE}
        whole = {**host, **image_env, **self.settings(variables)}
        unset = {name for name, value in self.settings(variables).items() if not value}
        return {name: value for name, value in whole.items() if name not in unset}

    def _mount(self, mount: Mount) -> list[str]:
        if mount.source == "tmpfs":
            return ["--tmpfs", mount.target]
        if "sqsh" in mount.flags:
            return ["--ro-bind", self._tree(mount.source), mount.target]
        return ["--ro-bind" if "ro" in mount.flags else "--bind", mount.source, mount.target]

    def _tree(self, image: str) -> str:
        """The image's files as a folder: itself, or unpacked once into the store."""
        if os.path.isdir(image):
            return image
        try:
            status = os.stat(image)
        except OSError as error:
            raise Problem(f"there is no image {image}: {error.strerror}") from None
        facts = f"{os.path.realpath(image)}\0{status.st_size}\0{status.st_mtime_ns}"
        tree = os.path.join(self.options.store, hashlib.sha256(facts.encode()).hexdigest()[:24])
        os.makedirs(self.options.store, mode=0o700, exist_ok=True)
        with open(f"{tree}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(tree):
                self._unpack(image, tree)
        return tree

    def _unpack(self, image: str, tree: str) -> None:
        """Unpack beside the store's name, then rename: a tree is there whole or not at all."""
        part = f"{tree}.part"
        shutil.rmtree(part, ignore_errors=True)
        words = ["unsquashfs", "-quiet", "-no-progress", "-no-xattrs", "-dest", part, image]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            message = f"{image} cannot be unpacked: unsquashfs: {error.strerror}"
            raise Problem(f"{message}; install squashfs-tools") from None
        if done.returncode not in {0, 2}:  # 2: device files, which only root can make
            raise Problem(f"{image} cannot be unpacked: {done.stderr.strip()}")
        os.rename(part, tree)


class Contained:
    """A command behind bubblewrap's monitor, which any signal would end, and the command with it.

    So signals stop here and go on to the command's own session; when this process is killed, the
    kernel kills monitor and command.
    """

    def __init__(self, outer: list[str], words: list[str], command: list[str]) -> None:
        self._command = 0
        self._held: list[int] = []
        for name in SIGNALS:
            signal.signal(getattr(signal, name), self._pass_on)
        self._news, writing = os.pipe()
        words = [*words, "--die-with-parent", "--new-session", "--info-fd", str(writing)]
        listed = _readable(words)
        self._outer = subprocess.Popen(
            [*outer, "--args", str(listed), *command],
            env={"PATH": SYSTEM_PATH}, pass_fds=(listed, writing), start_new_session=True,
        )  # fmt: skip
        os.close(writing)

    def wait(self) -> int:
        """The command's exit status, 128 and the number if a signal ended it."""
        with open(self._news, encoding="ascii") as news:
            told = re.search(r'"child-pid": (\d+)', news.read())
        self._command = int(told[1]) if told else 0
        while self._held:
            self._pass_on(self._held.pop(0), None)
        status = self._outer.wait()
        return status if status >= 0 else 128 - status

    def _pass_on(self, number: int, _frame: object) -> None:
        if not self._command:
            self._held.append(number)
            return
        for send in (os.killpg, os.kill):  # it leads its session, once it has come that far
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(self._command, number)
                return


def _readable(words: list[str]) -> int:
    """A descriptor that the words can be read from, each ended by NUL: no limit, in no list."""
    if any("\0" in word for word in words):
        raise Problem("a value holds the character NUL")
    handle = os.memfd_create("words", 0)  # inherited
    with open(os.dup(handle), "wb") as file:
        file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _environment_file(path: str) -> dict[str, str]:
    """The image's environment as enroot keeps it: a line NAME=VALUE each."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n") for line in file]
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals and name.isidentifier()}


if __name__ == "__main__":
    main()
