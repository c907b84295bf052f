"""What a node fetches by reference: a file set at a key that says its content, so a delivery never changes."""

import hashlib
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from lambdas.domain.component import FileSet


class Delivery(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str


@dataclass(frozen=True)
class Parcel:
    """A delivery, the instance that it is for, and the bytes that have to be at its key before a command names it."""

    delivery: Delivery
    instance_id: str
    body: bytes


def pack(instance_id: str, component: str, files: FileSet) -> Parcel:
    body = files.model_dump_json().encode()
    digest = hashlib.sha256(body).hexdigest()
    delivery = Delivery(key=f"nodes/{instance_id}/{component}/{digest}.json", sha256=digest)
    return Parcel(delivery, instance_id, body)
