"""Where the console script ``nova-accel`` begins."""

import sys
import warnings
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    :param argv: the arguments; those of this process when None
    """
    # oslo.privsep imports eventlet where it is installed, which then tells everybody on the terminal that it is deprecated.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    try:
        # Here and not above: nova-compute does not need cliff, so it is not there unless somebody asked for the commands.
        from nova_accel.commands import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "cliff":
            raise
        sys.stderr.write(
            "The commands need cliff: pip install 'nova-accel[commands]' into nova-compute's virtualenv.\n"
        )
        return 1
    status: int = app.NovaAccel().run(list(sys.argv[1:] if argv is None else argv))
    return status
