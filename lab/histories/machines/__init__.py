"""Histories through the real state machines and handlers, on simulated hosts.

The embedded AWS runs threads by the clock: a seed fixes what befalls the cluster and in which order, not each step of
those that meet it. So what failed once may take a few tries to fail again.
"""
