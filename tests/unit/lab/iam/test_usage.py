"""What a permission is called in the report, whatever its cluster's name is."""

import pytest

from lab.aws.iam.usage import with_logical_names

GROUP, TABLE, SHORT = "quorate-apart-nomad", "quorate-apart-records-1A2B", "apart"
NAMES = {TABLE: "Records", GROUP: "Group", SHORT: "Short"}
ARN = "arn:aws:ssm:eu-west-1:123456789012"


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (f"{ARN}:table/{TABLE}", f"{ARN}:table/<Records>"),
        (f"{ARN}:table/{TABLE}/index/*", f"{ARN}:table/<Records>/index/*"),
        (f"*:autoScalingGroupName/{GROUP}", "*:autoScalingGroupName/<Group>"),
        (f"{ARN}:document/{GROUP}-install", f"{ARN}:document/{GROUP}-install"),
        (f"{ARN}:document/another-{GROUP}", f"{ARN}:document/another-{GROUP}"),
        (f"{ARN}:{SHORT}", f"{ARN}:{SHORT}"),
    ],
    ids=["whole", "with a path", "at the end", "a longer name", "the end of another", "too short"],
)
def test_a_physical_name_becomes_the_templates(resource: str, named: str) -> None:
    assert with_logical_names(resource, NAMES) == named
