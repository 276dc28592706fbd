"""CloudWatch Logs: log groups. Source: Amazon CloudWatch Logs API Reference, CreateLogGroup."""

from __future__ import annotations

from localcloud.control.aws.base import AwsKind
from localcloud.control.kind import Cloud, CloudError, Given, Values
from localcloud.store import Resource


class LogGroup(AwsKind):
    service = "CloudWatch Logs"
    label = "CloudWatch Logs Log Group"
    operations = ("CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup")

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        return {
            "arn": f"arn:aws:logs:{cloud.region_of(inputs)}:{cloud.account}:log-group:{id_}",
            "logGroupClass": inputs.get("logGroupClass", "STANDARD"),
        }

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_, inputs
        return CloudError("ResourceAlreadyExistsException", "The specified log group already exists")

    def release(self, cloud: Cloud, row: Resource) -> None:
        del cloud
        if row.properties.get("deletionProtectionEnabled"):
            sentence = "The log group has deletion protection enabled: switch it off first."
            raise CloudError("ValidationException", sentence)

    def delete(self, cloud: Cloud, row: Resource) -> None:
        # With skipDestroy the group and its lines stay; only the state forgets it.
        if not row.properties.get("skipDestroy"):
            super().delete(cloud, row)


KINDS = {"aws:cloudwatch/logGroup:LogGroup": LogGroup}
