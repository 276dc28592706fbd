"""Loads the provider SDKs, which warn of their own deprecated members when they load: at the first member read."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pulumi_alicloud import cdn, fc, log, oss, ram
    from pulumi_aws import acm, cloudfront, cloudwatch, iam, lambda_, s3

    LOADED = (
        *(cloudfront.Distribution, cloudwatch.LogGroup, iam.Role, lambda_.Function),
        *(acm.Certificate, s3.Bucket),
        *(cdn.DomainNew, fc.V3Function, log.Project, oss.Bucket, ram.Role),
    )
