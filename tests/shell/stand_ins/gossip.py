"""The keyrings of a product's gossip, as serf's key manager changes and tells them."""

from collections import Counter

SPEAKS = "Removing the primary key is not allowed"


class Gossip:
    """`rings` has each living member's keys, the one that it speaks with first. A member in `mute` is counted as alive
    and answers nothing."""

    def __init__(self, *names: str) -> None:
        self.rings: dict[str, list[str]] = {name: [] for name in names}
        self.mute: set[str] = set()

    def start(self, *keys: str) -> None:
        self.rings = {name: list(keys) for name in self.rings}

    @property
    def facts(self) -> tuple[dict[str, int], dict[str, int], int]:
        """How many have each key, how many speak with each, how many there are."""
        keys = Counter(key for ring in self.rings.values() for key in ring)
        return dict(keys), dict(Counter(ring[0] for ring in self.rings.values() if ring)), len(self.rings)

    def change(self, verb: str, key: str) -> str | None:
        """What went wrong, in serf's words; those that could, did."""
        failed = sum(
            not getattr(self, f"_{verb}")(ring, key) for name, ring in self.rings.items() if name not in self.mute
        )
        if failed:
            return f"{failed}/{len(self.rings)} nodes reported failure"
        return self.unheard()

    def unheard(self) -> str | None:
        answered = len(self.rings) - len(self.mute)
        return f"{answered}/{len(self.rings)} nodes reported success" if self.mute else None

    def _install(self, ring: list[str], key: str) -> bool:
        if key not in ring:
            ring.append(key)
        return True

    def _use(self, ring: list[str], key: str) -> bool:
        if key not in ring:
            return False
        ring.sort(key=lambda one: one != key)
        return True

    def _remove(self, ring: list[str], key: str) -> bool:
        if ring and ring[0] == key:
            return False
        if key in ring:
            ring.remove(key)
        return True
