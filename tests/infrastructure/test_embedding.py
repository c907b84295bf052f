"""The example of docs/embedding.md, run as it stands there."""

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "embedding.md"


def test_the_example_synthesises() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, str(DOCUMENT), "exec"), names)  # noqa: S102  it is ours
    resources = names["app"].synth().get_stack_by_name("platform").template["Resources"]
    groups = {
        one["Properties"]["AutoScalingGroupName"]: one["Properties"]
        for one in resources.values()
        if one["Type"] == "AWS::AutoScaling::AutoScalingGroup"
    }
    assert groups.keys() == {"quorate-jobs-servers", "quorate-jobs-batch"}
    private = [name for name, one in resources.items() if one["Type"] == "AWS::EC2::Subnet" and "Private" in name]
    assert [one["Ref"] for one in groups["quorate-jobs-batch"]["VPCZoneIdentifier"]] == private
    vpcs = [one for one in resources.values() if one["Type"] == "AWS::EC2::VPC"]
    assert len(vpcs) == 1, "the cluster lives in the given one"
    assert "AWS::CloudFormation::Stack" in {one["Type"] for one in resources.values()}, "documents have their own"
