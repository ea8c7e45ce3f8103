"""What the source alone decides of a build: Dockerfile, context and arguments, and their id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from platform import machine

from ..errors import UsageError
from ..parity.snapshot import docker_architecture
from .context import Context
from .dockerfile import Dockerfile
from .features import features
from .own import filled, host_arguments, mark_warnings, takes_wheel
from .recipe import Recipe, platform_arguments
from .request import Request
from .wheel import fcx_wheel

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Build arguments that a Dockerfile need not declare."""

OWN = f"linux/{docker_architecture(machine())}"
"""What an engine builds for, as long as none has been asked."""


@dataclass(frozen=True)
class Plan:
    """A request with everything that needs no engine to be known."""

    request: Request
    recipe: Recipe
    host: Mapping[str, str]
    build_args: Mapping[str, str]
    files: Mapping[str, bytes]
    context: Context
    recipe_id: str

    @classmethod
    def from_request(cls, request: Request, without: Path) -> Plan:
        """Read Dockerfile and context; what lies in ``without`` is no source."""
        file = _stage(read_dockerfile(request.dockerfile), request.target)
        host, given = host_arguments(), request.build_args
        target = request.platform or OWN
        build_args = {**given, **filled(_recipe(file, {**host, **given}, target), host, given)}
        recipe = _recipe(file, build_args, target)
        files = {}
        if takes_wheel(recipe):
            wheel, content = fcx_wheel()
            files[f"dist/{wheel}"] = content
        context = Context.from_folder(request.context, files, without, request.dockerfile)
        recipe_id = recipe.recipe_id(context.digest(), build_args)
        return cls(request, recipe, host, build_args, files, context, recipe_id)

    @property
    def filled(self) -> dict[str, str]:
        """The build arguments that fcx sets, and nobody has given."""
        given = self.request.build_args
        return {name: value for name, value in self.build_args.items() if name not in given}

    @property
    def needs_more(self) -> bool:
        """Whether not every builder will do."""
        return bool(self.request.secrets or features(self.recipe.file))

    def on(self, local: str) -> Plan:
        """The same for an engine of this platform, after which FROM lines may ask."""
        target = self.request.platform or local
        return replace(self, recipe=_recipe(self.recipe.file, self.build_args, target, local))

    def warnings(self) -> Iterator[str]:
        """What the source gives reason to say."""
        yield from self.context.warnings
        yield from mark_warnings(self.recipe, self.host)
        for name in self.request.build_args:
            if name not in self.recipe.arguments and name.upper() not in PROXIES:
                yield (
                    f"The Dockerfile has no `ARG {name}`: the build argument changes the image's "
                    "id and nothing else."
                )


def read_dockerfile(path: Path) -> Dockerfile:
    """The file, its bytes kept as they are. Raises UsageError for one that cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise UsageError(
            f"There is no Dockerfile at {path}. `fcx init` lays one out; --file names another."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read as a Dockerfile: {error}.") from error
    return Dockerfile.from_text(text)


def _stage(file: Dockerfile, target: str) -> Dockerfile:
    """The file as far as the stage that is wanted: all of it without one."""
    found = file.up_to(target) if target else file
    if found is None:
        raise UsageError(
            f"The Dockerfile has no stage {target!r}; it has {', '.join(file.stages())}."
        )
    return found


def _recipe(
    file: Dockerfile, build_args: Mapping[str, str], target: str, build: str = ""
) -> Recipe:
    return Recipe.of(file, build_args, platform_arguments(target, build or OWN))
