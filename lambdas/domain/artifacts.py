"""The bucket's manifest: what nodes install from, by name, with the checksum that they verify."""

from pydantic import BaseModel, ConfigDict

from lambdas.domain.errors import NodeFailed
from lambdas.domain.node import Node

MANIFEST_KEY = "artifacts/manifest.json"


class Artifact(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    version: str
    bytes: int = 0


class Manifest(BaseModel):
    model_config = ConfigDict(frozen=True)

    artifacts: dict[str, Artifact]

    def product(self, product: str, node: Node, version: str | None = None) -> Artifact:
        """Raise NodeFailed where the bucket lacks the product or holds another version than the cluster file says."""
        artifact = self._get(f"{product}_linux_{node.architecture}")
        if version is not None and artifact.version != version:
            raise NodeFailed(
                f"the bucket holds {product} {artifact.version}, the cluster file says {version}: mirror that version"
            )
        return artifact

    def packages(self, name: str, node: Node) -> Artifact | None:
        """None: the bucket has none for the node's system, whose own repositories are asked instead."""
        return self.artifacts.get(f"{name}_{node.system}_{node.architecture}")

    def image(self, name: str, node: Node) -> Artifact:
        return self._get(f"{name}_image_{node.architecture}")

    def _get(self, name: str) -> Artifact:
        if name not in self.artifacts:
            raise NodeFailed(f"the bucket's manifest has no {name}: mirror it")
        return self.artifacts[name]
