"""Fails with a table of both sides where this Python and the image do not agree."""


def test_this_python_agrees_with_the_image(fcx_parity):
    assert fcx_parity.passed
