"""Clients that write to Consul, Vault and Nomad all the time, and can say afterwards what it was like.

>>> with Writers(lab) as writers:
...     change_something(lab)
>>> writers.ledgers["vault"].failed, writers.ledgers["vault"].longest_gap.seconds, writers.lost()
"""

from lab.writers.ledger import Gap, Ledger, Write
from lab.writers.writers import Writers

__all__ = ["Gap", "Ledger", "Write", "Writers"]
