"""`cdk synth`: one stack for each cluster file named by the context key `clusters`."""

import sys

from cdk_app.cluster_stack import synthesize
from lambdas.domain.errors import InvalidConfig

if __name__ == "__main__":
    try:
        synthesize()
    except InvalidConfig as refused:
        print(refused, file=sys.stderr)
        sys.exit(1)
