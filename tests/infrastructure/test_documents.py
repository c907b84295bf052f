"""Documents as they are deployed: a stack inside the cluster's."""

from pathlib import Path

import pytest

from cdk_app import cluster_stack, document_source, limits
from cdk_app.documents import DOCUMENTS
from lambdas.domain import names
from lambdas.domain.errors import InvalidConfig
from tests.infrastructure.template import Template


def test_every_document_is_in_the_nested_stack_and_nothing_else(template: Template) -> None:
    resources = template.nested.content["Resources"].values()
    assert {one["Type"] for one in resources} == {"AWS::SSM::Document"}
    expected = {names.document(template.config.name, *document) for document in document_source.documents(DOCUMENTS)}
    assert {one["Properties"]["Name"] for one in resources} == expected
    others = {one["Properties"]["DocumentType"] for one in template.of("AWS::SSM::Document").values()}
    assert others == {"Session"}, "what runs on nodes is in the nested stack"
    assert "Parameters" not in template.nested.content, "what it needs it has, so it waits for nothing"


def test_the_tags_of_a_cluster_are_on_its_documents(template: Template) -> None:
    expected = template.config.tags
    for document in template.nested.of("AWS::SSM::Document").values():
        tags = document["Properties"].get("Tags", [])
        assert {tag["Key"]: tag["Value"] for tag in tags} == expected


def test_neither_template_spends_bytes_on_indentation(template: Template) -> None:
    for each in (template, template.nested):
        assert each.path.read_text("utf-8").count("\n") <= 1


def test_a_synth_holds_the_nested_template_to_the_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a limit between the two, as nothing of ours is too long for the real one."""
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    monkeypatch.setattr(limits, "TEMPLATE_BYTES", 400_000)
    with pytest.raises(InvalidConfig, match=r"ClusterDocuments.*\.nested\.template\.json takes \d+ bytes"):
        cluster_stack.synthesize()
    assert (tmp_path / "quorate-example.template.json").stat().st_size < limits.TEMPLATE_BYTES
