"""botocore's clients, pointed at a local data plane."""

from __future__ import annotations

import botocore.config
import botocore.session

REGION = "ap-northeast-1"


def connect(service, port, key, **options):
    """A client of S3 or CloudFront with an access key."""
    host = f"s3.{REGION}" if service == "s3" else service
    config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "virtual"}, **options)
    return botocore.session.Session().create_client(
        service,
        region_name=REGION if service == "s3" else "us-east-1",
        endpoint_url=f"http://{host}.amazonaws.com.localhost:{port}",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        aws_session_token=key.token or None,
        config=config,
    )
