"""Where the lab keeps what it downloads and what one run leaves behind."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import secrets
import shutil

HOME_VARIABLE = "NOVA_ACCEL_LAB_DIR"
CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
KEPT_RUNS = 10  # of 150 MB each
SOCKET_PATH_LIMIT = 80  # a Unix socket's path ends at 107 bytes; ssh adds a suffix of its own


@dataclasses.dataclass(frozen=True)
class Home:
    """The lab's own folder: ``.lab`` in the checkout unless the environment says otherwise."""

    path: pathlib.Path

    @property
    def cache(self) -> pathlib.Path:
        """Downloads and what is made from them; may be deleted at any time."""
        return self.path / "cache"

    def new_run(self) -> RunFolder:
        """Make the folder of one run, named by time and chance; the oldest ones go."""
        runs = self.path / "runs"
        for old in sorted(runs.glob("*"), key=lambda path: path.stat().st_mtime)[: -KEPT_RUNS + 1]:
            shutil.rmtree(old, ignore_errors=True)
        now = datetime.datetime.now(datetime.UTC).strftime("%m%d-%H%M%S")
        run = RunFolder(runs / f"{now}-{secrets.token_hex(2)}")
        for folder in (run.path, run.logs, run.images, run.databases, run.etc, run.home, run.temporary, run.share):
            folder.mkdir(parents=True)
        run.share.chmod(0o777)  # L1's services, not all of them root, write their logs here
        return run


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """All files of one run; nothing is written outside it."""

    path: pathlib.Path

    def __post_init__(self) -> None:
        if len(str(self.path)) > SOCKET_PATH_LIMIT:
            raise ValueError(
                f"{self.path} is too long to hold Unix sockets: set {HOME_VARIABLE} to a folder with a shorter name"
            )

    @property
    def name(self) -> str:
        """The run's id, also the value of the marker in its processes' environment."""
        return self.path.name

    @property
    def logs(self) -> pathlib.Path:
        """One log for each process."""
        return self.path / "logs"

    @property
    def images(self) -> pathlib.Path:
        """Backing images of the emulated devices, L1's state disk, L2's image."""
        return self.path / "images"

    @property
    def databases(self) -> pathlib.Path:
        """SQLite files of Nova and Placement, and the broker's."""
        return self.path / "db"

    @property
    def etc(self) -> pathlib.Path:
        """Configuration files and keys of this run."""
        return self.path / "etc"

    @property
    def home(self) -> pathlib.Path:
        """HOME of the run's processes: libraries keep caches there."""
        return self.path / "home"

    @property
    def temporary(self) -> pathlib.Path:
        """TMPDIR of the run's processes."""
        return self.path / "tmp"

    @property
    def share(self) -> pathlib.Path:
        """What L1 may write on the host: its logs. Seen in L1 under the same path."""
        return self.logs / "l1"


def home() -> Home:
    """The lab's folder."""
    named = os.environ.get(HOME_VARIABLE)
    return Home(pathlib.Path(named).resolve() if named else CHECKOUT / ".lab")
