"""docs/security.md says who holds what; the synthesised policies have to say the same."""

import re
from pathlib import Path

import pytest

from lambdas.domain import names
from tests.infrastructure.template import Template
from tests.infrastructure.test_permissions import break_glass, secrets_of, secrets_with

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text("utf-8")
READ = "secretsmanager:GetSecretValue"
COLUMNS = ("what", "made by", "rests in", "readable by", "rotation", "if it is lost")


def custody() -> dict[str, dict[str, str]]:
    """The table's rows by what they are about."""
    section = PAGE.split("## Custody")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert tuple(rows[0]) == COLUMNS
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows[2:]}


def readers(template: Template, name: str) -> set[str]:
    """Who may read the secret, in the page's words."""
    found = set()
    for group in template.config.server_groups:
        if name in secrets_with(template, group.name, READ):
            found.add("servers")
        if any(name in secrets_with(template, group.name, READ, seed_of=product) for product in group.serves):
            found.add("seed")
    if any(name in secrets_with(template, pool.name, READ) for pool in template.config.client_pools):
        found.add("clients")
    if name in secrets_of(template, break_glass(template), READ):
        found.add("break-glass")
    return found


@pytest.mark.parametrize("name", names.SECRET_NAMES)
def test_the_page_says_who_may_read_a_secret(plain: Template, name: str) -> None:
    row = custody()[f"`{name}`"]
    said = set(re.findall(r"servers|clients|seed|break-glass", row["readable by"]))
    assert said == readers(plain, name)
    assert all(row.values()), "a column is empty"


def test_no_function_reads_a_secret(plain: Template) -> None:
    ours = [policy for name, policy in plain.of("AWS::IAM::Policy").items() if not re.search("Roles|BreakGlass", name)]
    assert len(ours) > 20, "functions, state machines, rules"
    assert not [policy for policy in ours if "secretsmanager:Get" in str(policy)]


def test_the_page_has_a_row_for_each_key(plain: Template) -> None:
    kept = {re.sub(r"^ClusterKeys|[0-9A-F]{8}$", "", name) for name in plain.of("AWS::KMS::Key")}
    assert kept == {row.split("`")[1] for row in custody() if row.startswith("KMS key")}


def test_the_page_has_nothing_that_is_not_there() -> None:
    secrets = {row.strip("`") for row in custody() if "/" in row and row.startswith("`")}
    assert secrets == set(names.SECRET_NAMES)
