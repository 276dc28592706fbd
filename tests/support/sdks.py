"""Loads the provider SDKs, which warn of their own deprecated members when they load: at the first member read."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pulumi_alicloud import cdn, fc, log, oss, ram
    from pulumi_aws import cloudfront, cloudwatch, iam, lambda_

    LOADED = (
        *(cloudfront.Distribution, cloudwatch.LogGroup, iam.Role, lambda_.Function),
        *(cdn.DomainNew, fc.V3Function, log.Project, oss.Bucket, ram.Role),
    )
