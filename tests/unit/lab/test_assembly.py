"""The cache of cloud assemblies."""

import os
import time
from pathlib import Path

from lab.assembly import DAY_SECONDS, KEPT, forget_old


def test_what_somebody_took_today_stays_however_many_there_are(tmp_path: Path) -> None:
    places = [tmp_path / f"{number:x}" for number in range(2 * KEPT)]
    for age, place in enumerate(places):
        place.mkdir()
        taken = time.time() - (2 * DAY_SECONDS + age if age >= KEPT + 2 else age)
        os.utime(place, (taken, taken))
    forget_old(tmp_path)
    assert set(tmp_path.iterdir()) == set(places[: KEPT + 2])


def test_the_newest_stay_however_old(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.mkdir()
    os.utime(place, (0, 0))
    forget_old(tmp_path)
    assert place.exists()
