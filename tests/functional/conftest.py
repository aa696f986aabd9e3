"""Nova's monkey patching, or its ban on eventlet under native threads, has to come before any other module of nova."""

import nova.tests.functional  # noqa: F401  importing it is what patches
