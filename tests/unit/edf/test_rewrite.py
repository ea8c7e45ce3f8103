"""An EDF written over what users have added: theirs stays, ours is renewed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fcx.edf.document import Edf
from fcx.edf.read import parse
from fcx.edf.rewrite import rewritten
from fcx.errors import EdfError

GENERATED = """\
#: head

image = "/x.sqsh"  # fcx
workdir = "/w"  # fcx
entrypoint = false  # fcx
writable = true  # fcx
mounts = [
    "/w:/w",  # fcx
]

[env]
PATH = "/bin"  # fcx
OMP_PLACES = ""  # fcx

[annotations]
com.hooks.cxi.enabled = "true"  # fcx
"""


WANTED = Edf(
    image="/x.sqsh",
    workdir="/w",
    entrypoint=False,
    writable=True,
    mounts=("/w:/w",),
    env={"PATH": "/bin", "OMP_PLACES": ""},
    annotations={"com.hooks.cxi.enabled": "true"},
)


def test_a_new_file_has_every_line_of_fcx_marked():
    """So that it can be told whose a line is."""
    assert rewritten("", WANTED, ["head"]) == GENERATED
    assert parse(GENERATED) == WANTED


def test_regeneration_renews_what_is_ours_and_nothing_else():
    """New values where the lines stand, unwanted lines gone, every other byte as it was."""
    users = (
        GENERATED.replace("#: head", "#: an older head\n#: of two lines")
        .replace('image = "/x.sqsh"', '# which image\nimage = "/x.sqsh"')
        .replace('workdir = "/w"  # fcx', "workdir = '/mine'   # kept")
        .replace('    "/w:/w",  # fcx', "    # data\n    '/data:/d:ro',\n    \"/w:/w\",  # fcx")
        .replace("[env]", "# the environment\n[env]\nMINE = '1'")
        .replace('OMP_PLACES = ""  # fcx', 'OMP_PLACES = "cores"')
        + "\n[tool.mine]\nx = [1, 2]  # whatever\n"
    )
    wanted = replace(
        WANTED, image="/y.sqsh", mounts=("/v:/v",), env={"PATH": "/usr/bin", "OMP_PLACES": ""},
        annotations={},
    )  # fmt: skip
    expected = (
        users.replace("#: an older head\n#: of two lines", "#: head")
        .replace("/x.sqsh", "/y.sqsh")
        .replace('    "/w:/w",  # fcx\n', "")
        .replace("mounts = [\n", 'mounts = [\n    "/v:/v",  # fcx\n')
        .replace('PATH = "/bin"', 'PATH = "/usr/bin"')
        .replace('com.hooks.cxi.enabled = "true"  # fcx\n', "")
    )
    assert rewritten(users, wanted, ["head"]) == expected


def test_a_file_written_by_hand_keeps_its_lines_and_gets_ours():
    """Only the image is replaced; its comment stays. Single-path mounts are written out."""
    theirs = '# top\nimage = "old"  # c\nmounts = ["/capstor", "/a:/a"]  # m\n\n# e\n[env]\nA = "1"'
    text = rewritten(theirs, WANTED, ["head"])
    for part in ("# top\n", '"/x.sqsh"  # c\n', '"/capstor:/capstor", "/a:/a"]  # m', "# e\n[env]"):
        assert part in text
    assert parse(text).env == {"A": "1", **WANTED.env}
    assert parse(text).mounts == ("/w:/w", "/capstor:/capstor", "/a:/a")


@pytest.mark.parametrize(
    "theirs",
    [
        'env.A = "1"\nannotations.com.x = "1"\n',
        '[annotations.com.hooks.ssh]\nenabled = "true"\n',
        '[annotations.com.hooks.ssh]\nenabled = "true"\n[annotations]\nx = "1"\n',
        '[annotations.com.hooks]\nssh.enabled = "true"\n[env]\n',
        '[annotations]\n"com.hooks.cxi.enabled" = "false"\n',
        '[annotations]\r\ncom.hooks.ssh.enabled = "true"\r\n\r\n[env]\r\n',
        "mounts = []\n",
        "mounts = [  # none yet\n]",
        "# nothing but a comment",
        "[[notes]]\nx = 1\n[[notes]]\nx = 2\n",
        '\ufeffimage = "x"\n',
        '[env]\nTEXT = """\n#: not a header\n  # fcx\n"""\n',
    ],
)
def test_every_way_to_lay_out_an_edf_has_room_for_ours(theirs):
    """Dotted keys, headers in any order, Windows line ends: what was there still is."""
    text = rewritten(theirs, WANTED, ["head"])
    assert rewritten(text, WANTED, ["head"]) == text
    before, after = parse(theirs), parse(text)
    assert after.env == {**before.env, **WANTED.env}
    assert after.annotations == {**WANTED.annotations, **before.annotations}
    assert after.mounts == WANTED.mounts
    assert ("\r\n" in theirs) == (text.count("\r\n") == text.count("\n"))


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ('env = {A = "1"}\n', "write it as a table"),
        ("[annotations]\ncom = {hooks = {ssh = {enabled = 'true'}}}\n", "give another --output"),
        ("image = \n", "not valid TOML"),
    ],
)
def test_a_file_without_room_for_ours_is_an_error_and_says_what_to_do(theirs, words):
    """Nothing is broken silently."""
    with pytest.raises(EdfError, match=words):
        rewritten(theirs, WANTED, ["head"], "my.toml")
