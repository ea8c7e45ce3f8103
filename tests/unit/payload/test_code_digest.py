"""The digest of a function's code is that of what it does, wherever it stands."""

from fcx.payload.code import code_digest


def made(source: str, file: str = "a.py"):
    space = {}
    exec(compile(source, file, "exec"), space)
    return space["f"]


def test_comments_lines_and_files_do_not_count():
    one = made("def f(x):\n    return x + 1\n")
    other = made("\n\n# why\ndef f(x):\n    # one more\n    return x + 1\n", "b.py")
    assert code_digest(one) == code_digest(other)
    assert len(code_digest(one)) == 64


def test_what_it_does_counts():
    digests = {
        code_digest(made(f"def f(x):\n    {body}\n"))
        for body in ("return x + 1", "return x + 2", "return x + 1.0", "return x - 1", "return lambda: x + 1",
                     "return x in {'a', 'b'}", "return x in ('a', 'b')")
    }  # fmt: skip
    assert len(digests) == 7


def test_what_has_no_code_has_no_digest():
    assert code_digest(len) == ""
