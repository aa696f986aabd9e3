"""When a cleaning that failed is tried again."""

from datetime import UTC, datetime, timedelta

_AFTER_S = (60, 300, 1800)
_LONGEST = timedelta(seconds=_AFTER_S[-1])


def next_at(failures: int, attempts: int, now: datetime) -> str | None:
    """When to try again, UTC, ISO 8601; None when that was the last time.

    :param failures: how many attempts have failed, one after the other, this one included
    :param attempts: how many there may be
    """
    return after(failures, now) if failures < attempts else None


def after(failures: int, now: datetime) -> str:
    """When to try again what is tried without an end, UTC, ISO 8601.

    :param failures: how many attempts have failed, one after the other
    """
    wait_s = _AFTER_S[min(failures, len(_AFTER_S)) - 1]
    return (now + timedelta(seconds=wait_s)).isoformat(timespec="milliseconds")


def is_time(retry_at: str | None, now: datetime) -> bool:
    """Whether that time has come; a clock that was set back must not put it off for ever."""
    if retry_at is None:
        return False
    try:
        then = datetime.fromisoformat(retry_at)
    except ValueError:
        return True
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return now >= then or then - now > _LONGEST
