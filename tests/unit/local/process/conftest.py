"""Jobs to try the back end's parts with."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fcx.local.process.job import Job, Terms
from fcx.local.process.spec import Files, JobSpec, Size, Timing

SECTIONS = {"files": Files, "size": Size, "timing": Timing}


@pytest.fixture
def new_job() -> Callable[..., Job]:
    """Makes jobs: `new_job(name="x", size={"nodes": 2})`, numbered from 1."""
    numbers = itertools.count(1)

    def make(partition: str = "normal", limit: float | None = 60.0, **asked: Any) -> Job:
        number = next(numbers)
        said = {key: SECTIONS[key](**v) if key in SECTIONS else v for key, v in asked.items()}
        return Job(
            id=str(number),
            number=number,
            spec=JobSpec(script="", chdir="/w", **said),
            terms=Terms(partition, "staff", limit),
            directory=Path("/nowhere"),
        )

    return make
