"""The environment contract between the stack and the Lambdas, written once: the stack calls `to_environment`, a handler
`from_environment`."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from lambdas.domain import authorities
from lambdas.domain.config import ClusterConfig

PREFIX = "QUORATE_"


class MissingSetting(Exception):
    """The function's environment lacks what its stack should have given it; the message names the variables."""


class Settings(BaseModel):
    """What every function knows of its stack: names, never values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_name: str
    table_name: str
    bucket_name: str
    config_parameter: str
    ca_key_ids: str
    """Of the authorities, the first generation first, with commas between."""
    unseal_key_id: str
    instances_arn: str
    """Of every instance of the account and region: it ends with `/*`."""
    form_cluster_arn: str
    node_launch_arn: str
    node_terminate_arn: str
    renew_certificates_arn: str
    rotate_secrets_arn: str

    @property
    def authority_keys(self) -> list[str]:
        """By generation, from the first on."""
        return self.ca_key_ids.split(",")

    def signing(self, config: ClusterConfig) -> int:
        """Generation of the authority that signs."""
        return authorities.signing(config.ca_generation, len(self.authority_keys))

    def to_environment(self) -> dict[str, str]:
        return {PREFIX + name.upper(): value for name, value in self.model_dump().items()}

    def instance_arn(self, instance_id: str) -> str:
        return self.instances_arn.removesuffix("*") + instance_id

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read at call time, not at import: a test or the lab gives each invocation its own."""
        source = os.environ if environment is None else environment
        names = cls.model_fields
        try:
            return cls.model_validate(
                {name: source[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in source}
            )
        except ValidationError as error:
            missing = ", ".join(PREFIX + str(problem["loc"][0]).upper() for problem in error.errors())
            raise MissingSetting(f"not set in the function's environment: {missing}") from None
