"""What was once added to an EDF in other ways, moved into the user's file."""

from __future__ import annotations

import pytest

from fcx.config import EdfSettings
from fcx.edf.document import Edf
from fcx.edf.handover import additions, handed_over, is_old, missing, spoken
from fcx.edf.read import parse
from fcx.errors import EdfError

BASE = "x-generated"
TOP = f'# head\nbase_environment = "{BASE}"\n\n'

OLD = """\
#: Made by `fcx edf write` (fcx 0.1) of the image x (linux/arm64).
#: build id:  none, fcx did not build it

# which image
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

SETTINGS = EdfSettings(
    image="/store/x.sqsh",
    workdir="/here",
    writable=False,
    mounts=("/capstor", "/a:/b:ro"),
    env={"PATH": "/mine", "A": "1"},
    annotations={"com": {"hooks": {"cxi": {"enabled": True}}}, "com.x": "y"},
)
ADDED = Edf(
    image="/store/x.sqsh",
    workdir="/here",
    writable=False,
    mounts=("/capstor:/capstor", "/a:/b:ro"),
    env={"PATH": "/mine", "A": "1"},
    annotations={"com.hooks.cxi.enabled": "true", "com.x": "y"},
)


def moved(text: str, added: Edf | None = None) -> str:
    """The user's file made of a text."""
    return handed_over(text, added or Edf(), BASE, ["head"], "x.toml")


def test_what_the_settings_say_is_an_edf():
    """[edf] of fcx.toml: image, workdir, mounts, env and annotations, nested or flat."""
    assert additions(SETTINGS) == ADDED
    assert additions(EdfSettings()) == Edf()
    assert spoken(ADDED) == [
        *("image", "workdir", "writable", "mounts", "env.PATH", "env.A"),
        *("annotations.com.hooks.cxi.enabled", "annotations.com.x"),
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", "/store/x.sqsh"),
        ("workdir", "/here"),
        ("writable", False),
        ("mounts", ("/capstor", "/a:/b:ro")),
        ("env", {"A": "1", "OMP_PLACES": "cores"}),
        ("annotations", {"com": {"hooks": {"cxi": {"enabled": True}}}}),
    ],
)
def test_each_setting_stands_in_a_new_file_and_in_an_old_one(key, value):
    """Where fcx wrote it with a mark, too: the mark goes, the line stays in its place."""
    added = additions(EdfSettings(**{key: value}))
    for text in ("", OLD):
        result = parse(moved(text, added))
        assert result == Edf(**{**added.values(), "base_environment": (BASE,)})
        assert missing(result, added) == []


def test_lines_of_fcx_go_and_those_of_the_user_stay_byte_for_byte():
    """Comments, order, layout; values that [edf] gives lose their mark and keep their place."""
    users = (
        OLD.replace('workdir = "/w"  # fcx', "workdir = '/mine'   # kept")
        .replace('    "/w:/w",  # fcx', "    # data\n    '/data:/d:ro',\n    '/s:/s' ,  # fcx")
        .replace("[env]", '# the environment\n[env]\nMINE = \'1\'\nLONG = """\na\nb"""  # why')
        .replace('OMP_PLACES = ""  # fcx', "OMP_PLACES = '''\ncores'''  # fcx")
        .replace('PATH = "/bin"  # fcx', 'PATH = """\n/bin:\\\n  /usr/bin"""  # fcx')
    ) + "\n[tool.mine]\nx = [1, 2]  # fcx\n"
    added = Edf(mounts=("/s:/s",), env={"OMP_PLACES": "cores"})
    assert moved(users, added) == TOP + (
        "# which image\nworkdir = '/mine'   # kept\nmounts = [\n    # data\n    '/data:/d:ro',\n"
        '    \'/s:/s\' ,\n]\n\n# the environment\n[env]\nMINE = \'1\'\nLONG = """\na\nb"""  # why\n'
        "OMP_PLACES = '''\ncores'''\n\n[annotations]\n\n[tool.mine]\nx = [1, 2]\n"
    )


def test_an_array_of_which_nothing_is_left_goes():
    """One with a comment of the user's stays."""
    assert "mounts" not in moved(OLD)
    assert "mounts = [ # mine\n]" in moved(OLD.replace("mounts = [", "mounts = [ # mine"))


def test_an_image_in_a_line_of_the_users_becomes_a_comment():
    """It was always fcx's; that of [edf] takes its place."""
    text = OLD.replace('image = "/x.sqsh"  # fcx', 'image = """\n/x.sqsh"""  # mine')
    assert '# image = """\n# /x.sqsh"""  # mine\n' in moved(text)
    assert 'image = "/y"  # mine\n' in moved(text, Edf(image="/y"))


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ('"common"', f'["common", "{BASE}"]'),
        ("['a', 'b'] # why", f"['a', 'b', \"{BASE}\"] # why"),
        ('[\n  "a", # one\n]', f'[\n  "a", "{BASE}", # one\n]'),
        ("[]", f'"{BASE}"'),
        ('""', f'"{BASE}"'),
        (f'["{BASE}", "a"]', f'["{BASE}", "a"]'),
    ],
)
def test_other_bases_stay_before_that_of_fcx(given, becomes):
    """What the user's file is based on counted less than what fcx wrote into it."""
    text = f"# top\nbase_environment = {given}\nentrypoint = true  # fcx\n"
    assert moved(text) == f"# head\n\n# top\nbase_environment = {becomes}\n"


@pytest.mark.parametrize(
    ("top", "stays"),
    [
        ("#: Made by `fcx edf write` (fcx 1)\n#: Lines that end in\n", ""),
        (f"#: build id:  {'b' * 64}\n#: recipe id: none\n", ""),
        ("#: mine\n", "#: mine\n\n"),
        ("\ufeff# mine\n", "# mine\n\n"),
    ],
)
def test_of_the_comments_on_top_those_of_fcx_go(top, stays):
    """A build id that stayed would be taken for that of the image."""
    assert moved(f"{top}\nworkdir = '/w'\n") == f"{TOP}{stays}workdir = '/w'\n"


def test_a_text_of_the_users_goes_before_the_settings():
    """A line without a mark was never renewed."""
    text = 'workdir = "/own"\n[env]\nA = "0"  # own\nPATH = "/old"  # fcx\n'
    result = parse(moved(text, ADDED))
    assert (result.workdir, result.env["A"], result.env["PATH"]) == ("/own", "0", "/mine")


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
        '\ufeffworkdir = "/here"\n',
        '[env]\nTEXT = """\n#: not a header\n  # fcx\n"""\n',
    ],
)
def test_every_way_to_lay_out_an_edf_has_room_for_more(theirs):
    """Dotted keys, headers in any order, Windows line ends: what was there still is."""
    text = moved(theirs, ADDED)
    before, after = parse(theirs), parse(text)
    assert after.env == {**ADDED.env, **before.env}
    assert after.annotations == {**ADDED.annotations, **before.annotations}
    assert after.mounts == ADDED.mounts
    assert ("\r\n" in theirs) == (text.count("\r\n") == text.count("\n"))


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ('env = {B = "1"}\n', "write it as a table"),
        ("[annotations]\ncom = {hooks = {ssh = {enabled = 'true'}}}\n", "give another --output"),
        ("image = \n", "not valid TOML"),
    ],
)
def test_a_file_without_room_for_more_is_an_error_and_says_what_to_do(theirs, words):
    """Nothing is broken silently."""
    with pytest.raises(EdfError, match=words):
        moved(theirs, ADDED)


@pytest.mark.parametrize(
    ("text", "old"),
    [
        (OLD, True),
        (OLD.replace("  # fcx", ""), True),
        (OLD.partition("\n\n")[2], True),
        ('[env]\nA = """\nx"""  # fcx\n', True),
        ("", False),
        ('image = "x"  # of fcx\n', False),
        ('# Made by fcx\n[env]\nA = """\nB = "1"  # fcx\n"""\n', False),
    ],
)
def test_an_edf_of_before_is_known_by_its_head_or_a_mark(text, old):
    """Anything else is a file that somebody wrote by hand."""
    assert is_old(text, "x.toml") is old
