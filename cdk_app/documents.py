"""SSM documents: one for each component and phase."""

from pathlib import Path

from aws_cdk import NestedStack
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdk_app import document_source
from lambdas.domain import names

DOCUMENTS = Path(__file__).resolve().parent.parent / "ssm_documents"


class Documents(NestedStack):
    """In a template of their own: with their scripts they weigh more than all else, and each template may take 1 MB."""

    def __init__(self, scope: Construct, id: str, *, cluster: str) -> None:
        super().__init__(
            scope,
            id,
            description=f"Quorate cluster {cluster}: what its nodes run",
            suppress_template_indentation=True,
        )
        for component, phase in document_source.documents(DOCUMENTS):
            ssm.CfnDocument(
                self,
                f"{component}-{phase}",
                name=names.document(cluster, component, phase),
                document_type="Command",
                document_format="JSON",
                target_type="/AWS::EC2::Instance",
                content=document_source.load(DOCUMENTS, component, phase),
                update_method="NewVersion",  # a named document cannot be replaced
            )
