"""What folders list, on disk."""

import os
from pathlib import Path


def keep_names(*folders: Path) -> None:
    """Have what is new in these folders found there after a power failure.

    :raises OSError: when that cannot be assured
    """
    for one in folders:
        descriptor = os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
