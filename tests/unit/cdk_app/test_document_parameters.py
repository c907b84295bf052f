"""What a document takes as a parameter: no shell, and no way out of a quoted string, fits any of the patterns."""

import re
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_app import document_source
from cdk_app.documents import DOCUMENTS
from lab.aws.ssm_documents import InvalidParameters, resolve_parameters

METACHARACTERS = "`$;&|<>(){}[]'\"\\*?!#% \t\r\n\0"
"""Of bash: expansions, separators, redirections, groups, quotes, globs, history, comments, white space."""


def patterns() -> dict[tuple[str, str], list[str]]:
    """Parameter and pattern, with the documents that declare them so."""
    found = defaultdict(list)
    for component, phase in document_source.documents(DOCUMENTS):
        for name, parameter in document_source.load(DOCUMENTS, component, phase)["parameters"].items():
            found[name, parameter["allowedPattern"]].append(f"{component}-{phase}")
    return dict(found)


PATTERNS = patterns()


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_no_metacharacter_of_a_shell_fits(name: str, pattern: str, data: st.DataObject) -> None:
    good = data.draw(st.from_regex(pattern, fullmatch=True).filter(lambda value: not value.endswith("\n")))
    declared = {"parameters": {name: {"type": "String", "allowedPattern": pattern}}}
    assert resolve_parameters(declared, {name: [good]}) == {name: [good]}
    place = data.draw(st.integers(0, len(good)))
    for character in METACHARACTERS:
        for hostile in (character, good[:place] + character + good[place:]):
            assert not re.fullmatch(pattern, hostile), hostile
            with pytest.raises(InvalidParameters, match="does not match"):
                resolve_parameters(declared, {name: [hostile]})


@pytest.mark.parametrize("name", sorted({name for name, _ in PATTERNS}))
def test_a_parameter_has_one_pattern_wherever_it_is_declared(name: str) -> None:
    assert len({pattern for one, pattern in PATTERNS if one == name}) == 1
