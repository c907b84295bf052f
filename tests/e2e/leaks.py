"""What an end-to-end test hunts for, and where: the account, the hosts' journals and files, all processes of a run."""

from collections.abc import Iterator

from lab.laboratory import Laboratory
from lab.leak_hunt import Place, Watch, account, introduction_marks, machines, secret_values


def secrets(lab: Laboratory) -> dict[str, str]:
    """All that the key store holds, the tokens that Consul made, clients' introductions, and the private key of each
    host."""
    found = secret_values(lab.aws.client("secretsmanager")) | introduction_marks()
    with lab.data_center.inside():
        addresses = list(lab.servers("consul").values())
        found |= {
            f"Consul token {token['AccessorID']}": token["SecretID"]
            for token in lab.apis.first("consul", addresses, "acl/tokens")
            if token["AccessorID"] != ANONYMOUS
        }
    for instance_id in hosts(lab):
        keys = machines.private_keys(lab.data_center.containers.root_of(instance_id))
        found |= {f"{instance_id} {name}": value for name, value in keys.items()}
    return found


ANONYMOUS = "00000000-0000-0000-0000-000000000002"
"""Of Consul's anonymous token, whose secret is the word "anonymous"."""


def places(lab: Laboratory, function_log: str, processes: Watch, *, since: float) -> Iterator[Place]:
    yield from account.places(lab, function_log)
    yield from machines.journals(lab)
    for instance_id in hosts(lab):
        yield from machines.files(instance_id, lab.data_center.containers.root_of(instance_id), since=since)
    yield from processes.places()


def hosts(lab: Laboratory) -> list[str]:
    return [node.instance_id for node in lab.nodes()]
