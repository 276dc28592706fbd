"""What all Alibaba Cloud resource types share: the wording of refusals, and ARNs."""

from __future__ import annotations

from localcloud.control.kind import Cloud, CloudError, Kind

BUCKET = "alicloud:oss/bucket:Bucket"
FUNCTION = "alicloud:fc/v3Function:V3Function"
PROJECT = "alicloud:log/project:Project"
LOGSTORE = "alicloud:log/store:Store"


class AlibabaKind(Kind):
    """A type of Alibaba Cloud with the words of its provider and SDK around a refusal."""

    def describe(self, verb: str, name: str, error: CloudError) -> str:
        operation = self.operation(verb) or "the call"
        return (
            f"{verb} {self.schema.terraform} ({name}): {operation} failed: SDKError: StatusCode: {error.status}, "
            f"Code: {error.code}, Message: {error.message}"
        )

    def arn(self, cloud: Cloud, id_: str) -> str:
        _, path, name = self.token.split(":")
        return f"acs:{path.partition('/')[0]}:{cloud.region}:{cloud.account}:{name.lower()}/{id_}"
