"""Who may call a Lambda function, and by which name: URLs, permissions, aliases.

Does not prove that AWS itself says the same.
"""

from __future__ import annotations

import re

from localcloud.store import Store
from tests.localcloud.control.aws.resources import function
from tests.localcloud.control.client import Client, refused

URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
ALIAS = "aws:lambda/alias:Alias"


class TestAccess:
    def test_a_url_has_the_real_shape(self, aws: Client) -> None:
        made = function(aws)
        url = aws.create(URL, "u", {"functionName": made.id, "authorizationType": "AWS_IAM"})
        assert url.id == made.id
        assert re.fullmatch(r"[a-z2-7]{32}", url.outputs["urlId"])
        assert url.outputs["functionUrl"] == f"https://{url.outputs['urlId']}.lambda-url.ap-northeast-1.on.aws/"
        assert url.outputs["invokeMode"] == "BUFFERED"
        with refused("FunctionUrlConfig exists for this Lambda function"):
            aws.create(URL, "v", {"functionName": made.outputs["arn"], "authorizationType": "AWS_IAM"})

    def test_a_url_needs_its_function_and_no_version_number(self, aws: Client) -> None:
        with refused("Function not found: arn:aws:lambda:ap-northeast-1:123456789012:function:none"):
            aws.create(URL, "u", {"functionName": "none", "authorizationType": "NONE"})
        with refused("Value '1' at 'qualifier' failed to satisfy constraint"):
            aws.create(URL, "u", {"functionName": function(aws).id, "authorizationType": "NONE", "qualifier": "1"})

    def test_a_public_url_opens_the_function(self, aws: Client, store: Store) -> None:
        aws.create(URL, "u", {"functionName": function(aws).id, "authorizationType": "NONE"})
        actions = {row.properties["action"] for row in store.list(PERMISSION) if row.properties["principal"] == "*"}
        assert actions == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}

    def test_permissions(self, aws: Client) -> None:
        first, second = function(aws, "one"), function(aws, "two")
        grant = {"action": "lambda:InvokeFunction", "principal": "cloudfront.amazonaws.com", "statementId": "cdn"}
        made = aws.create(PERMISSION, "p", {**grant, "function": first.id})
        aws.create(PERMISSION, "q", {**grant, "function": second.outputs["arn"]})
        assert made.id == "cdn"
        with refused(r"The statement id \(cdn\) provided already exists"):
            aws.create(PERMISSION, "r", {**grant, "function": first.outputs["arn"]})
        with refused("ResourceNotFoundException: Function not found"):
            aws.create(PERMISSION, "r", {**grant, "function": "none"})
        with refused("The provided principal was invalid"):
            aws.create(PERMISSION, "r", {**grant, "function": first.id, "principal": "somebody"})
        with refused("Cannot find alias arn"):
            aws.create(PERMISSION, "r", {**grant, "function": first.id, "qualifier": "live"})
        with refused("FunctionUrlAuthType is only supported"):
            aws.create(PERMISSION, "r", {**grant, "function": first.id, "functionUrlAuthType": "AWS_IAM"})
        aws.delete(made)

    def test_an_alias_needs_its_version(self, aws: Client) -> None:
        made = function(aws)
        alias = aws.create(ALIAS, "live", {"name": "live", "functionName": made.id, "functionVersion": "1"})
        assert alias.id == alias.outputs["arn"] == f"{made.outputs['arn']}:live"
        with refused("Function not found: .*:7"):
            aws.create(ALIAS, "next", {"functionName": made.id, "functionVersion": "7"})
        aws.create(URL, "u", {"functionName": made.id, "authorizationType": "AWS_IAM", "qualifier": "live"})

    def test_what_belongs_to_a_function_goes_with_it(self, aws: Client, store: Store) -> None:
        made = function(aws)
        aws.create(URL, "u", {"functionName": made.id, "authorizationType": "NONE"})
        aws.delete(made)
        assert store.list(URL) == store.list(PERMISSION) == []
