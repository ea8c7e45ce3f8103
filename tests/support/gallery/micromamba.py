#!/opt/conda/bin/python3
"""Stands in for micromamba in an image: what it is to install, pip installs beside this Python."""

import re
import subprocess
import sys

OPTIONS = {"--name", "--file"}  # that are followed by a value


def specifications(words):
    """What is asked for by name, on the command line and in the file."""
    found, given, words = [], {}, iter(words)
    for word in words:
        if word in OPTIONS:
            given[word] = next(words)
        elif not word.startswith("-"):
            found.append(word)
    with open(given["--file"], encoding="utf-8") as file:
        listed = file.read().partition("dependencies:")[2]
    return found + re.findall(r"^ +- (\S+)$", listed, re.MULTILINE)


def install(words):
    """Without a network; the Python must be the one that is there."""
    asked = dict(re.fullmatch(r"([\w.-]+)=*(.*)", one).groups() for one in specifications(words))
    python = asked.pop("python")
    assert "{}.{}.{}".format(*sys.version_info).startswith(python), python
    wanted = [f"{name}=={version}" if version else name for name, version in asked.items()]
    subprocess.run([sys.executable, "-m", "pip", "install", "--no-cache-dir", *wanted], check=True)


if sys.argv[1] == "install":
    install(sys.argv[2:])
