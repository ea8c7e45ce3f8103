"""GNU getopt_long as sbatch and srun use it: short and long forms, abbreviations, its own words."""

from __future__ import annotations

from collections.abc import Sequence


class OptionProblem(Exception):
    """The command line cannot be read; the text is what getopt prints after the program's name."""


class Table:
    """Options in one string: `name`, `name=` (needs a value), `name?` (may have one), `n|name=`.

    `n|name~` may have a value in its long form and needs one in its short form.
    """

    def __init__(self, options: str) -> None:
        self.kinds: dict[str, str] = {}
        self.shorts: dict[str, str] = {}
        for word in options.split():
            kind = word[-1] if word[-1] in "=?~" else ""
            short, bar, name = word.rstrip("=?~").rpartition("|")
            self.kinds[name] = kind
            if bar:
                self.shorts[short] = name

    def parse(self, words: Sequence[str]) -> tuple[list[tuple[str, str | None]], list[str]]:
        """Options in order, and what follows the first word that is none."""
        found: list[tuple[str, str | None]] = []
        rest = list(words)
        while rest:
            word = rest[0]
            if word == "--":
                return found, rest[1:]
            if word.startswith("--"):
                found.append(self._long(rest))
            elif word.startswith("-") and len(word) > 1:
                found.extend(self._short(rest))
            else:
                break
        return found, rest

    def _long(self, rest: list[str]) -> tuple[str, str | None]:
        word = rest.pop(0)
        given, equals, value = word[2:].partition("=")
        name = self._full_name(given, word)
        kind = self.kinds[name]
        if equals and not kind:
            raise OptionProblem(f"option '--{name}' doesn't allow an argument")
        if kind == "=" and not equals:
            if not rest:
                raise OptionProblem(f"option '--{name}' requires an argument")
            return name, rest.pop(0)
        return name, value if equals else None

    def _full_name(self, given: str, word: str) -> str:
        if given in self.kinds:
            return given
        near = [name for name in self.kinds if name.startswith(given)]
        if not near:
            raise OptionProblem(f"unrecognized option '{word}'")
        if len(near) > 1:
            listed = " ".join(f"'--{name}'" for name in near)
            raise OptionProblem(f"option '{word}' is ambiguous; possibilities: {listed}")
        return near[0]

    def _short(self, rest: list[str]) -> list[tuple[str, str | None]]:
        letters = rest.pop(0)[1:]
        found: list[tuple[str, str | None]] = []
        while letters:
            letter, letters = letters[0], letters[1:]
            name = self.shorts.get(letter)
            if name is None:
                raise OptionProblem(f"invalid option -- '{letter}'")
            kind = self.kinds[name]
            if not kind:
                found.append((name, None))
                continue
            value: str | None = letters or None
            if kind in {"=", "~"} and value is None:
                if not rest:
                    raise OptionProblem(f"option requires an argument -- '{letter}'")
                value = rest.pop(0)
            found.append((name, value))
            break
        return found
