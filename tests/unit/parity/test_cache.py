"""What is remembered of a remote side: under which key, for how long."""

from __future__ import annotations

import json

import pytest
from parity.facts import python, with_numpy
from parity.sides import laptop, manifest, snapshot

from fcx.config import ParitySettings
from fcx.errors import ManifestError
from fcx.parity.cache import Known, verdict_key
from fcx.parity.compare import compare

FACTS = {
    "system": "daint",
    "edf": "e" * 64,
    "interpreter": "/usr/local/bin/python3",
    "surroundings": ("--uenv=prgenv-gnu/24.11",),
    "manifest": manifest(),
    "caller": laptop(),
}


def test_key_depends_on_what_it_must():
    """System, EDF, interpreter, image and caller: each changes the key."""
    key = verdict_key(**FACTS)
    assert len(key) == 32
    for change in (
        {"system": "santis"},
        {"surroundings": ()},
        {"edf": "f" * 64},
        {"interpreter": "/opt/python"},
        {"manifest": None},
        {"manifest": manifest({"image/build_id": "c" * 64})},
        {"caller": laptop({"dill": "0.3.8"})},
        {"caller": laptop(python("3.11.9"))},
        {"caller": laptop({"distributions": with_numpy("2.0")})},
    ):
        assert verdict_key(**{**FACTS, **change}) != key


def test_key_leaves_out_what_it_must():
    """Partition, host, user and time of the caller do not matter."""
    moved = laptop({"live/partition": "debug", "live/hostname": "x", "live/time": 1.0})
    assert verdict_key(**{**FACTS, "caller": moved}) == verdict_key(**FACTS)


def test_record_round_trip():
    """A record keeps the whole remote side, so that it can be judged again under another policy."""
    known = Known(verdict_key(**FACTS), 1000.0, snapshot(python("3.11.9")))
    again = Known.from_json(known.to_json())
    assert again == known
    assert compare("minor", caller=laptop(), remote=again.remote).passed
    assert not compare("strict", caller=laptop(), remote=again.remote).passed


def test_a_record_of_an_older_fcx():
    """The snapshot in it had another name."""
    known = Known("k", 1000.0, snapshot())
    record = json.loads(known.to_json())
    record["far"] = record.pop("remote")
    assert Known.from_json(json.dumps(record)) == known


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1}', '{"schema": 2}'])
def test_a_damaged_record(text):
    """A record that cannot be read raises ManifestError."""
    with pytest.raises(ManifestError):
        Known.from_json(text)


@pytest.mark.parametrize(
    ("now", "fresh", "spoken"),
    [
        (1000.0, True, "just now"),
        (990.0, True, "just now"),
        (900.0, False, "just now"),
        (1000.0 + 120, True, "2 minutes ago"),
        (1000.0 + 3600, True, "1 hour ago"),
        (1000.0 + 7 * 86400, True, "7 days ago"),
        (1000.0 + 7 * 86400 + 1, False, "7 days ago"),
    ],
)
def test_age(now, fresh, spoken):
    """Records age; one from the future beyond a clock's error is not believed."""
    known = Known("k", 1000.0, snapshot())
    assert known.is_fresh(now, ParitySettings().max_age_days) is fresh
    assert known.spoken_age(now) == spoken


@pytest.mark.parametrize("taken", ["NaN", "-1e999", "1e999", "-1"])
def test_a_time_that_cannot_be(taken):
    """Is no record."""
    text = Known("k", 1000.0, snapshot()).to_json().replace("1000.0", taken)
    with pytest.raises(ManifestError, match="a time in seconds"):
        Known.from_json(text)
