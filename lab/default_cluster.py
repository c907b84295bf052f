"""The cluster file that commands take where none is named."""

from pathlib import Path

DEFAULT_CLUSTER = Path(__file__).parents[1] / "clusters" / "lab.yaml"
