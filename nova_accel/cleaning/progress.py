"""How far the work on a device is, and how long it will take, in words."""

from datetime import UTC, datetime

from nova_accel.ledger.cleanings import Underway

_MINUTE_S = 60.0
_HOUR_S = 3600.0


def now() -> datetime:
    """The time that the ledger's are compared with."""
    return datetime.now(UTC)


def percent(doing: Underway) -> int | None:
    """How much of it is done; None where that is not known."""
    if doing.total_bytes <= 0:
        return None
    return min(100, max(0, 100 * doing.done_bytes // doing.total_bytes))


def left_s(doing: Underway, at: datetime) -> float | None:
    """Seconds until it is done if it goes on as it went; None while nothing can be said."""
    passed_s = (at - datetime.fromisoformat(doing.began)).total_seconds()
    if passed_s <= 0 or not 0 < doing.done_bytes <= doing.total_bytes:
        return None
    return passed_s * (doing.total_bytes - doing.done_bytes) / doing.done_bytes


def in_words(doing: Underway, at: datetime) -> str:
    """Such as ``reading, 45 %, about 3 min left``."""
    share, seconds = percent(doing), left_s(doing, at)
    parts = [doing.words]
    if share is not None:
        parts.append(f"{share} %")
    if seconds is not None:
        parts.append(f"{duration(seconds)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """As exact as an estimate deserves."""
    if seconds < _MINUTE_S:
        return "less than a minute"
    if seconds < 2 * _HOUR_S:
        return f"about {seconds / _MINUTE_S:.0f} min"
    return f"about {seconds / _HOUR_S:.1f} h"
