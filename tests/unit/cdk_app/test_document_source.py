"""What the loader makes of a document, and all that it refuses."""

from pathlib import Path

import pytest

from cdk_app.document_source import MAXIMUM_BYTES, InvalidDocument, documents, load, without_remarks

DOCUMENT = """\
schemaVersion: "2.2"
description: Greet.
parameters:
  Name:
    type: String
    description: Whom to greet.
    allowedPattern: "^[a-z]+$"
    interpolationType: ENV_VAR
mainSteps:
  - name: Greet
    action: aws:runShellScript
    inputs:
      timeoutSeconds: "10"
      runCommand:
        script: polite/greet.sh
"""
SCRIPT = """\
#!/usr/bin/env bash
# Greets.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/words.sh"
source "${BASH_SOURCE[0]%/*}/../lib/log.sh"

require_parameters Name
say "$SSM_Name"
"""
WORDS = """\
# shellcheck shell=bash
source "${BASH_SOURCE[0]%/*}/log.sh"
say() { log "hello $1"; }
"""
LOG = 'log() { echo "$1" >&2; }\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "polite/greet.yaml": DOCUMENT,
        "polite/greet.sh": SCRIPT,
        "lib/words.sh": WORDS,
        "lib/log.sh": LOG,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_library_file_is_spliced_once_where_it_is_first_needed(root: Path) -> None:
    [script] = load(root, "polite", "greet")["mainSteps"][0]["inputs"]["runCommand"]
    assert script.splitlines() == [
        "#!/usr/bin/env bash",
        "set -Eeuo pipefail",
        "# shellcheck shell=bash",
        'log() { echo "$1" >&2; }',
        'say() { log "hello $1"; }',
        "",
        "require_parameters Name",
        'say "$SSM_Name"',
    ]


def test_documents_are_listed_by_component_and_phase(root: Path) -> None:
    assert documents(root) == [("polite", "greet")]


@pytest.mark.parametrize("gone", ["polite/greet.yaml", "polite/greet.sh"])
def test_a_document_and_its_script_belong_together(root: Path, gone: str) -> None:
    (root / gone).unlink()
    with pytest.raises(InvalidDocument, match="polite/greet"):
        documents(root)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('    allowedPattern: "^[a-z]+$"\n', "", "Name has no allowedPattern"),
        ('"^[a-z]+$"', '"[a-z]+"', "anchored"),
        ('"^[a-z]+$"', '"^[a-z]*$"', "refuse an empty value"),
        ("    description: Whom to greet.\n", "", "Name has no description"),
        ("    interpolationType: ENV_VAR\n", "", "interpolationType: ENV_VAR"),
        ("    type: String\n", "    type: StringList\n", "type: String"),
        ('      timeoutSeconds: "10"\n', "", "timeoutSeconds is missing"),
        ('schemaVersion: "2.2"', 'schemaVersion: "0.3"', "schema 2.2"),
        ("polite/greet.sh", "polite/leave.sh", "runCommand is"),
        ("  Name:\n", "  Other:\n", "does not declare: Name"),
    ],
)
def test_a_document_is_refused(root: Path, old: str, new: str, reason: str) -> None:
    assert old in DOCUMENT
    (root / "polite/greet.yaml").write_text(DOCUMENT.replace(old, new))
    with pytest.raises(InvalidDocument, match=reason):
        load(root, "polite", "greet")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("#!/usr/bin/env bash\n", "#!/bin/sh\n", "first line"),
        ('say "$SSM_Name"', 'say "{{ Name }}"', "Systems Manager takes it for a parameter"),
        ("set -Eeuo pipefail", "set -xEeuo pipefail", "tracing"),
        ("set -Eeuo pipefail", "set -Eeuo pipefail\nset -o xtrace", "tracing"),
        ("$SSM_Name", "$SSM_Nobody", "does not declare: Nobody"),
        ("require_parameters Name", "require_parameters Name Nobody", "differ: Nobody"),
        ("require_parameters Name", "true", "differ: Name"),
        ("/../lib/words.sh", "/../lib/verbs.sh", "lib/verbs.sh, which is not there"),
        ('source "${BASH_SOURCE[0]%/*}/../lib/words.sh"', "source /etc/words.sh", "cannot splice"),
    ],
)
def test_a_script_is_refused(root: Path, old: str, new: str, reason: str) -> None:
    assert old in SCRIPT
    (root / "polite/greet.sh").write_text(SCRIPT.replace(old, new))
    with pytest.raises(InvalidDocument, match=reason):
        load(root, "polite", "greet")


def test_what_systems_manager_would_find_too_long_is_refused(root: Path) -> None:
    (root / "lib/log.sh").write_text(LOG + ": and so on\n" * (MAXIMUM_BYTES // 12))
    with pytest.raises(InvalidDocument, match=f"{MAXIMUM_BYTES} is the limit"):
        load(root, "polite", "greet")


def test_remarks_stay_at_home_and_data_does_not_change() -> None:
    lines = [
        "#!/usr/bin/env bash",
        "# why",
        "  # deeper",
        "# shellcheck disable=SC2154",
        "echo '#' # beside a command",
        "cat <<EOF",
        "# a heading",
        "EOF",
        "# after it",
        "tr a b <<<'# no here-document'",
        "# gone",
    ]
    assert without_remarks(lines) == [*lines[:1], *lines[3:8], lines[9]]
