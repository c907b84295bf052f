"""The CDK application: what exists in an account for a cluster."""

from cdk_app import node_runtime

node_runtime.choose()
