"""Public parameters that name machine images: moto knows Amazon's own, not those of Debian and Ubuntu."""

import time
from collections.abc import Mapping
from typing import Any

from moto.ssm.models import Parameter, ssm_backends

from lab.aws.cloud import Cloud

IMAGE_PARAMETER = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"


def publish_images(cloud: Cloud, template: Mapping[str, Any]) -> None:
    """Make an image for each public parameter that the template reads and that has none yet."""
    backend = ssm_backends[cloud.account][cloud.region]
    for parameter in template.get("Parameters", {}).values():
        name = parameter.get("Default", "")
        if parameter["Type"] != IMAGE_PARAMETER or backend.get_parameter(name) is not None:
            continue
        image = cloud.client("ec2").register_image(Name=name.removeprefix("/aws/service/").replace("/", "-"))
        # Past the API, which refuses names under /aws to everybody but AWS.
        backend._parameters[name].append(
            Parameter(
                account_id=cloud.account,
                name=name,
                value=image["ImageId"],
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=time.time(),
                version=1,
                data_type="aws:ec2:image",
            )
        )
