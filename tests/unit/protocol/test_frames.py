"""Frames between an agent and its workers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fcx.protocol.frames import Frame, Reader, pack

FRAMES = st.lists(
    st.builds(
        Frame,
        st.sampled_from([b"T", b"C", b"H"]),
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
        st.binary(max_size=50),
    ),
    max_size=6,
)


@given(FRAMES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_are_read_as_they_were_packed(frames, steps):
    """However the pipe cuts them."""
    stream = b"".join(pack(*frame) for frame in frames)
    reader, found, at, turn = Reader(), [], 0, 0
    while at < len(stream):
        step = steps[turn % len(steps)]
        reader.feed(stream[at : at + step])
        found += reader.frames()
        at, turn = at + step, turn + 1
    assert found == frames
    assert reader.take() is None


def test_one_at_a_time():
    """What follows stays for later."""
    reader = Reader()
    reader.feed(pack(b"T", {"t": "t1"}, b"x" * 1000) + pack(b"C", {}))
    assert reader.take() == (b"T", {"t": "t1"}, b"x" * 1000)
    assert reader.take() == (b"C", {}, b"")
    assert reader.take() is None
