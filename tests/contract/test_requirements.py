"""What is installed is pinned down to the last dependency, each with its hashes, and is what people asked for."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHOLE = "requirements-dev"
SETS = (WHOLE, "requirements", "lambdas/requirements")
_PINNED = re.compile(r"^(?P<name>[a-z0-9._-]+)(?:\[[a-z,]+\])?==(?P<version>[^ ;\\]+)", re.IGNORECASE)


def locked(name: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes by distribution and environment marker."""
    text = (ROOT / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin = _PINNED.match(line)
            assert pin, f"{name}.txt: not pinned: {line[:60]}"
            marker = line.partition(";")[2].partition("--hash")[0].strip()
            found[f"{pin['name'].lower()} {marker}".strip()] = pin["version"], re.findall(r"--hash=(\S+)", line)
    return found


def asked(name: str) -> dict[str, str]:
    lines = (ROOT / f"{name}.in").read_text("utf-8").splitlines()
    pins = [_PINNED.match(line) for line in lines if line and not line.startswith(("#", "-r "))]
    assert all(pins), f"{name}.in: a version is missing"
    return {pin["name"].lower(): pin["version"] for pin in pins if pin}


@pytest.mark.parametrize("name", SETS)
def test_everything_that_is_installed_has_hashes(name: str) -> None:
    for one, (_, hashes) in locked(name).items():
        assert hashes, one
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), one


@pytest.mark.parametrize("name", SETS)
def test_what_is_pinned_is_what_was_asked_for(name: str) -> None:
    pinned = {one: version for one, (version, _) in locked(name).items()}
    for one, version in asked(name).items():
        assert pinned.get(one) == version, f"{name}.txt is behind {name}.in: make requirements"


@pytest.mark.parametrize("name", SETS[1:])
def test_the_smaller_sets_agree_with_the_whole(name: str) -> None:
    assert locked(name).items() <= locked(WHOLE).items()
