"""Things of the small provider, one after the other, as many as the configuration names."""

import sys
import time

import pulumi

config = pulumi.Config()
things: list[pulumi.Resource] = []
for name in config.require("names").split():
    inputs = {"name": name, "seconds": config.require_int("seconds")}
    things.append(
        pulumi.CustomResource("aws:small/thing:Thing", name, inputs, pulumi.ResourceOptions(depends_on=list(things)))
    )

match config.get("fail"):
    case "run-error":
        raise pulumi.RunError("the setting is wrong")
    case "exception":
        raise ValueError("a bug")
    case "told":
        pulumi.log.error("settings: memory is 1, but must be 128 or more.")
        sys.exit(32)
    case "sleep":
        print("program sleeps", flush=True)
        time.sleep(50)

pulumi.export("function_url", "https://abcdefghij.lambda-url.ap-northeast-1.on.aws/")
pulumi.export("fc_url", "https://hello-abcdefghij.cn-hongkong.fcapp.run")
pulumi.export("function_arn", "arn:aws:lambda:ap-northeast-1:123456789012:function:hello")
