"""Generations of the cluster's authority: which one signs, and which ones everybody trusts meanwhile.

A rotation has to have every node, and every product that keeps a copy in its own state, trust the next authority before
it signs anything. So the next one is made with the one before it and trusted from the beginning; when it takes over,
nobody has to be told, and the one after it is made.
"""


def standby_of(generation: int) -> int:
    return generation + 1


def signing(wanted: int, known: int) -> int:
    """The generation that signs: the cluster file's, unless its key was not deployed yet."""
    return min(wanted, known)


def trusted(generation: int, known: int) -> tuple[int, ...]:
    """Generations in a node's bundle, the one that signs first: it, its standby, and the one before it, whose
    certificates may be in use until all are renewed."""
    around = (generation, generation - 1, standby_of(generation))
    return tuple(one for one in around if 1 <= one <= known)
