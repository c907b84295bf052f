"""The node itself: what is asked of it as a whole, whatever it serves."""

from lambdas.domain.component import Component
from lambdas.domain.phases import Phase

NODE = Component(
    name="node",
    takes_part=lambda role: bool(role.serves),
    phases={Phase.OBSERVE: 60},
    keeps_secrets=True,
)
