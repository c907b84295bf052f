"""What nodes said last, of a cluster that did not form."""

from collections.abc import Mapping

from lab.data_center import DataCenter

LAST_WORDS = """
tail -n 5 /var/log/cloud-init-output.log
for product in consul vault nomad; do
  [[ ! -e /usr/local/bin/$product ]] || journalctl --unit "$product" --lines 8 --output cat
done
"""


def last_words(data_center: DataCenter, groups: Mapping[str, str]) -> str:
    """Of what each node boots with and of its products. `groups` by instance id."""
    return "\n".join(
        f"{instance_id} ({group}):\n{data_center.look(instance_id, LAST_WORDS)}"
        for instance_id, group in groups.items()
    )
