"""`python -m lab`: what the Makefile calls."""

from lab.cli import app

app(prog_name="lab")
