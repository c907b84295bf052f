"""Lambda: invoking names the function."""

from collections.abc import Iterable

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.needs import Need, Rows


def _invoke(call: ApiCall, account: Account) -> Iterable[Need]:
    name, qualifier = call.text("FunctionName"), call.text("Qualifier")
    arn = name if name.startswith("arn:") else account.arn("lambda", f"function:{name.rsplit(':', 1)[-1]}")
    arn = f"{arn}:{qualifier}" if qualifier else arn
    return (Need("lambda:InvokeFunction", arn, {"lambda:FunctionUrlAuthType": None, "lambda:EventSourceToken": None}),)


ROWS: Rows = {"Invoke": _invoke}
