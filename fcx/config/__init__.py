"""Credentials and settings: an argument, else ``fcx.toml``, else the default; one table of each."""

from .credentials import VARIABLES as VARIABLES
from .credentials import Credentials as Credentials
from .executor import POLICIES as POLICIES
from .executor import ExecutorSettings as ExecutorSettings
from .executor import Wanted as Wanted
from .executor import altered as altered
from .executor import check_policy as check_policy
from .executor import resolve as resolve
from .executor import shown_here as shown_here
from .settings import EdfSettings as EdfSettings
from .settings import ImageSettings as ImageSettings
from .settings import ParitySettings as ParitySettings
from .settings import RemoteBuildSettings as RemoteBuildSettings
from .settings import Settings as Settings
from .sites import KNOWN_SITES as KNOWN_SITES
from .sites import Site as Site
