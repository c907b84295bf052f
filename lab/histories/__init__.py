"""Membership under every misfortune: a small world, and the real rules of `lambdas.domain.membership` at work in it.

`world` is what there is, `events` is what may happen, `invariants` is what must hold. The same three are driven by
chance (`random_histories`), by exhaustion (`exhaust`) and by deliberate mistakes (`mutants`): see docs/proofs.md.
"""
