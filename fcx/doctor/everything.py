"""All checks, in the order in which they are told: what others need stands before them."""

from __future__ import annotations

from . import away, container, machine, parity, place, server, system
from .check import Check
from .remedies import of_the_way

ON_THE_CLUSTER = "fcx doctor, some minutes later; the site's status page may say more"

CHECKS = (
    Check("variables", machine.variables),
    Check("settings", machine.settings, fix="correct fcx.toml, or the option"),
    Check("python", machine.python),
    Check("memory", machine.memory),
    Check("address", server.address, ("variables",), of_the_way),
    Check("token", server.token, ("address",), of_the_way),
    Check("api", server.api, ("token",), of_the_way),
    Check("clock", server.clock, ("api",)),
    Check("system", system.system, ("api",)),
    Check("scheduler", system.scheduler, ("system",)),
    Check("file systems", system.file_systems, ("system", "settings")),
    Check("user", system.user, ("scheduler",), ON_THE_CLUSTER),
    Check("account", system.account, ("user", "settings")),
    Check("partitions", system.partitions, ("scheduler", "settings"), ON_THE_CLUSTER),
    Check("working_dir", place.working_dir, ("file systems", "user"), ON_THE_CLUSTER),
    Check("engine", container.engine, ("settings",), container.OWN_BUILD, serious=False),
    Check("builder", container.builder, ("engine",), container.OWN_BUILD, serious=False),
    Check("image", container.image, ("settings",), "fcx image build"),
    Check("edf", container.edf, ("image",), "fcx edf write, or correct the EDF that is named"),
    Check("image there", away.away, ("edf", "file systems"), ON_THE_CLUSTER),
    Check("staleness", parity.staleness, ("variables", "edf"), "fcx up"),
    Check("agreement", parity.agreement, ("staleness",), parity.ASK),
    Check("verdict", parity.verdict, ("agreement", "working_dir"), parity.ASK),
)
