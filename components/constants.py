"""Names and ids that the clouds dictate."""

from __future__ import annotations

from typing import Final

LAMBDA_RUNTIME: Final = "provided.al2023"
FC_RUNTIME: Final = "custom.debian10"
FC_PORT: Final = 9000
FC_SMALL_DISK_MB: Final = 512
FC_LARGE_DISK_MB: Final = 10_240
FC_START_COMMAND: Final = ("/code/bootstrap",)
FC_PATH_WITH_NODE: Final = (
    "/var/fc/lang/nodejs20/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:/opt/bin"
)
"""PATH on `custom.debian10` with the Node.js that this image ships beside it."""
SITE_HANDLER: Final = "handlers.site_build.handler"
"""What the site build runs."""
FC_LATEST: Final = "LATEST"
"""Qualifier of the unpublished version of an FC function."""
FC_HTTP_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")

CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""Managed cache policy CachingDisabled."""
ALL_VIEWER_EXCEPT_HOST: Final = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""Managed origin request policy AllViewerExceptHostHeader: a function URL refuses a foreign Host header."""
SECURITY_HEADERS: Final = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""Managed response headers policy SecurityHeadersPolicy."""
ALL_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
CACHED_METHODS: Final = ("GET", "HEAD")
MINIMUM_TLS: Final = "TLSv1.2_2021"

CDN_PRIVATE_ORIGIN_ROLE: Final = "AliyunCDNAccessingPrivateOSSRole"
"""The one role of an account that Alibaba Cloud CDN assumes to read private buckets."""
LOG_DELIMITERS: Final = ", '\";=()[]{}?@&<>/:\n\t\r"
"""Characters that part a log line into the words that Log Service can search for."""
YEAR_S: Final = 31_536_000
