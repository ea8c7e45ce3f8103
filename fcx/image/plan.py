"""What the source alone decides of a build: Dockerfile, context and arguments, and their id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..protocol import probe
from .context import Context
from .recipe import Recipe
from .request import Request
from .wheel import fcx_wheel

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Build arguments that a Dockerfile need not declare."""


@dataclass(frozen=True)
class Plan:
    """A request with everything that needs no engine to be known."""

    request: Request
    recipe: Recipe
    build_args: Mapping[str, str]
    files: Mapping[str, bytes]
    context: Context
    recipe_id: str

    @classmethod
    def from_request(cls, request: Request, without: Path) -> Plan:
        """Read Dockerfile and context; what lies in ``without`` is no source."""
        text = _read_dockerfile(request.dockerfile)
        host = _host_arguments()
        recipe = Recipe.from_text(text, {**host, **request.build_args})
        build_args = _build_arguments(request.build_args, host, recipe)
        files = {}
        if ".fc" in text:  # a Dockerfile that takes fcx from the context names its folder there
            wheel, content = fcx_wheel()
            files[f"dist/{wheel}"] = content
        context = Context.from_folder(request.context, files, without)
        recipe_id = recipe.recipe_id(context.digest(), build_args)
        return cls(request, recipe, build_args, files, context, recipe_id)

    def warnings(self) -> Iterator[str]:
        """What the source gives reason to say."""
        yield from self.context.warnings
        for name in self.request.build_args:
            if name not in self.recipe.arguments and name.upper() not in PROXIES:
                yield (
                    f"The Dockerfile has no `ARG {name}`: the build argument changes the image's "
                    "id and nothing else."
                )


def _read_dockerfile(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"There is no Dockerfile at {path}. `fcx init` lays one out; --file names another."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a Dockerfile: {error}.") from error


def _host_arguments() -> dict[str, str]:
    """The build arguments that follow the interpreter that runs fcx."""
    client = probe.snapshot()
    return {"PYTHON_VERSION": client["python"]["version"], "DILL_VERSION": client["dill"] or ""}


def _build_arguments(
    given: Mapping[str, str], host: Mapping[str, str], recipe: Recipe
) -> dict[str, str]:
    """The given ones, and this host's where the Dockerfile asks; another base keeps its Python."""
    follows = {"DILL_VERSION"} if given.get("BASE_IMAGE") else set(host)
    own = {name: host[name] for name in host if name in recipe.arguments and name in follows}
    return {**given, **{name: value for name, value in own.items() if name not in given}}
