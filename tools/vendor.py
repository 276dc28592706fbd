"""What to do on a real account, where the clouds' own tools invoke functions and show their logs."""

from __future__ import annotations


def invoke(function: str, target: str, event: str) -> str:
    """The vendor's command line for one invocation, its result on stdout."""
    quoted = "'" + event.replace("'", "'\\''") + "'"
    if function == "fc":
        return f"aliyun fc POST /2023-03-30/functions/{target}/invocations --region <region> --body {quoted}"
    return (
        f"aws lambda invoke --function-name {target} --region {target.split(':')[3]} "
        f"--cli-binary-format raw-in-base64-out --payload {quoted} /dev/stdout"
    )


def logs(function: str, target: str) -> str:
    """The vendor's command line for a function's log; an edge function logs in the region where it ran."""
    if function == "fc":
        return f"open the function {target} in the Function Compute console, tab Logs"
    name = target.split(":")[6]
    if function == "edge":
        return f"aws logs tail /aws/lambda/us-east-1.{name} --region <a region near the viewer>"
    return f"aws logs tail /aws/lambda/{name} --region {target.split(':')[3]}"
