import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], timeout: float = 10.0, interval: float = 0.01) -> bool:
    """Poll until `condition()` is true; False when time ran out."""
    ends_at = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(interval)
    return True
