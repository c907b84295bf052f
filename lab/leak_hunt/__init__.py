"""Every secret of a cluster, searched for in everything that an attacker or a colleague could read.

>>> with Watch() as processes, Laboratory("simulated", cluster) as lab:
...     lab.wait_formed()
...     hunt(secret_values(lab.aws), [*account.places(lab), *processes.places()])
[]
"""

from lab.leak_hunt.hunt import Leak, Place, hunt
from lab.leak_hunt.secret_values import introduction_marks, secret_values
from lab.leak_hunt.watch import Watch

__all__ = ["Leak", "Place", "Watch", "hunt", "introduction_marks", "secret_values"]
