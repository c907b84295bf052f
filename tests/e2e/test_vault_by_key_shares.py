"""Real Vault that KMS does not unseal: it forms, a server that restarted is unsealed, one is replaced, and nobody reads
a share."""

from pathlib import Path

import pytest

from lab.laboratory import Laboratory
from tests.e2e.cluster import assert_quorate
from tests.e2e.membership import servers, settle, terminate

pytestmark = pytest.mark.e2e


def test_servers_that_form_restart_and_come_anew_are_unsealed_without_a_human() -> None:
    with Laboratory("container", Path(__file__).with_name("shares.yaml")) as lab:
        lab.wait_formed()
        lab.wait_in_service()
        assert_quorate(lab.survey(), voters=3)

        restarted = min(servers(lab))
        assert lab.run_script(restarted, "#!/bin/bash\nsystemctl restart vault\n").exit_code == 0
        lab.wait_until(lambda: is_sealed(lab, restarted), 30, lambda: str(lab.survey().products["vault"].sealed))
        lab.sweep()
        lab.wait_until(lambda: not is_sealed(lab, restarted), 60, lambda: str(lab.journal()))
        assert [one["node"] for one in lab.journal() if one["decision"] == "unseal"] == [restarted]

        replaced = max(servers(lab))
        terminate(lab, replaced)
        settle(lab, voters=3)
        assert replaced not in servers(lab)


def is_sealed(lab: Laboratory, server: str) -> bool:
    return lab.survey().products["vault"].sealed.get(server) is not False
