"""What tasks take is read where they run, and only if it is what was put there."""

from __future__ import annotations

import hashlib
import pickle

import pytest

from fcx.protocol import objects


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run directory whose files are not waited for."""
    monkeypatch.setattr(objects, "PATIENCE", 0.0)
    for folder in ("objects", "parts"):
        (tmp_path / folder).mkdir()
    return tmp_path


def put(run, data, parts=0):
    """Have it lie there; its digest."""
    digest = hashlib.sha256(data).hexdigest()
    path = run / "objects" / digest
    if not parts:
        path.write_bytes(data)
        return digest
    size = -(-len(data) // parts)
    for number in range(parts):
        piece = data[number * size : (number + 1) * size]
        path.with_name(f"{digest}.{number}").write_bytes(piece)
    return digest


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_reads_each_kind(run, parts):
    """Whole or in parts."""
    assert objects.as_array(run, put(run, b"abc", parts), 3) == bytearray(b"abc")
    assert objects.as_bytes(run, put(run, b"abd", parts), 3) == b"abd"
    assert objects.as_text(run, put(run, b"ab\xc3\xa9", parts), 4) == "ab\xe9"
    data = pickle.dumps([1, "x"])
    assert objects.as_object(run, put(run, data, parts), len(data)) == [1, "x"]


@pytest.mark.parametrize("parts", [0, 3])
def test_what_was_changed_is_not_loaded(run, parts):
    """However little."""
    told = []
    data = pickle.dumps(Loud(told))
    digest, size = put(run, data, parts), len(data)
    path = run / "objects" / (f"{digest}.2" if parts else digest)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ValueError, match="not what was put there, so it was not loaded"):
        objects.as_object(run, digest, size)


class Loud:
    """Shows that it was unpickled."""

    def __init__(self, told):
        self.told = told

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("gone", ["", ".1", ".2"])
def test_what_is_gone_is_told(run, gone):
    """With what to do."""
    digest = put(run, b"abcdef", 3 if gone else 0)
    (run / "objects" / (digest + gone)).unlink()
    with pytest.raises(FileNotFoundError, match="not there any more.*new run"):
        objects.as_bytes(run, digest, 6)


def test_what_comes_late_is_waited_for(run, monkeypatch):
    """Another machine may see it later."""
    monkeypatch.setattr(objects, "PATIENCE", 60.0)
    digest = hashlib.sha256(b"late").hexdigest()
    monkeypatch.setattr(objects.time, "sleep", lambda _: put(run, b"late"))
    assert objects.as_bytes(run, digest, 4) == b"late"


def test_the_value_of_a_task(run):
    """Without what it has printed."""
    value = pickle.dumps({"x": 1})
    data = value + b"printed"
    for number, piece in enumerate((data[:7], data[7:])):
        (run / "parts" / f"t7.0.{number}").write_bytes(piece)
    digest = hashlib.sha256(data).hexdigest()
    assert objects.as_value(run, digest, len(data), "t7.0", len(value)) == {"x": 1}
    with pytest.raises(ValueError, match="the value of task t7.0"):
        objects.as_value(run, "0" * 64, len(data), "t7.0", len(value))
