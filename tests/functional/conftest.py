"""Nova's monkey patching, or its ban on eventlet under native threads, has to come before any other module of nova."""

from nova.tests import functional

assert functional.monkey_patch
