"""Log groups of CloudWatch: one name once a region. Does not prove that AWS itself says the same."""

from __future__ import annotations

from localcloud.store import Store
from tests.localcloud.control.client import Client, refused

LOGS = "aws:cloudwatch/logGroup:LogGroup"


class TestLogs:
    def test_a_group_exists_once_a_region(self, aws: Client, store: Store) -> None:
        first = aws.create(LOGS, "a", {"name": "/aws/lambda/f"})
        assert first.outputs["arn"] == "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/lambda/f"
        with refused("ResourceAlreadyExistsException: The specified log group already exists"):
            aws.create(LOGS, "b", {"name": "/aws/lambda/f"})
        second = aws.create(LOGS, "b", {"name": "/aws/lambda/f", "region": "us-east-1"})
        assert second.id == first.id
        aws.delete(second)
        assert [row.properties["region"] for row in store.list(LOGS)] == ["ap-northeast-1"]
