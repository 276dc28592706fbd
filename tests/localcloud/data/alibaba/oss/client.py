"""The official client of OSS, pointed at a local data plane."""

from __future__ import annotations

import pytest

oss = pytest.importorskip("alibabacloud_oss_v2")

REGION = "cn-hongkong"


def connect(port, key, *, internal=False, **options):
    """A client with an access key; `options` are fields of its configuration."""
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(key.id, key.secret, key.token or None)
    config.region = REGION
    config.endpoint = f"http://oss-{REGION}{'-internal' * internal}.aliyuncs.com.localhost:{port}"
    config.retry_max_attempts = 1
    for name, value in options.items():
        setattr(config, name, value)
    return oss.Client(config)


def refusal(call, *arguments, **options):
    """The error that a call is answered with."""
    with pytest.raises(oss.exceptions.OperationError) as told:
        call(*arguments, **options)
    error = told.value.unwrap()
    assert isinstance(error, oss.exceptions.ServiceError), error
    return error
