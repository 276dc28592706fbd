"""CDN: accelerated domains and what is configured for them.

Sources: Alibaba Cloud CDN API reference (AddCdnDomain, BatchSetCdnDomainConfig) and its page "Parameters for
configuring features for domain names", which lists the functions and their arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from localcloud.control.alibaba.base import AlibabaKind
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, random_text
from localcloud.control.validate import Failure
from localcloud.store import Resource

DOMAIN = "alicloud:cdn/domainNew:DomainNew"
CONFIG = "alicloud:cdn/domainConfig:DomainConfig"

_DOMAIN_NAME = re.compile(r"(?=.{4,253}$)\.?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_TYPES = ("web", "download", "video")
_PORTS = (80, 443)
_NEVER_FILED = (".test", ".example", ".invalid", ".localhost")
"""Names reserved for tests (RFC 2606): none of them can have an ICP filing."""

_REQUIRED_ARGUMENTS: dict[str, frozenset[str]] = {
    name: frozenset(arguments.split())
    for name, arguments in {
        "l2_oss_key": "private_oss_auth",
        "set_req_host_header": "domain_name",
        "forward_scheme": "enable scheme_origin",
        "https_origin_sni": "enabled https_origin_sni",
        "back_to_origin_url_rewrite": "source_url target_url",
        "host_redirect": "regex replacement",
        "path_based_ttl_set": "path ttl",
        "filetype_based_ttl_set": "file_type ttl",
        "path_force_ttl_code": "path code_string",
        "filetype_force_ttl_code": "file_type code_string",
        "default_ttl_code": "default_ttl_code",
        "https_force": "enable",
        "http_force": "enable",
        "https_option": "",
        "https_tls_version": "",
        "HSTS": "enabled",
        "set_resp_header": "key",
        "origin_response_header": "",
        "origin_request_header": "",
        "set_req_header": "key value",
        "error_page": "error_code rewrite_page",
        "set_hashkey_args": "",
        "range": "enable",
        "video_seek": "enable",
        "gzip": "enable",
        "brotli": "enable",
        "tesla": "enable",
        "ali_ua": "",
        "ip_allow_list_set": "ip_list",
        "ip_black_list_set": "ip_list",
        "referer_white_list_set": "refer_domain_allow_list",
        "referer_black_list_set": "refer_domain_deny_list",
        "aliauth": "auth_type",
        "cc_rule": "",
        "ipv6": "switch",
        "follow_302": "",
        "origin_certificate_verification": "",
        "green_manager": "enable",
        "limit_rate": "",
        "edge_function": "rule",
    }.items()
}


class Domain(AlibabaKind):
    identity = ("domainName",)
    operations = ("AddCdnDomain", "ModifyCdnDomain", "DeleteCdnDomain")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        name, type_ = inputs.get("domainName"), inputs.get("cdnType")
        if known(name) and not _DOMAIN_NAME.fullmatch(name):
            yield Failure(
                ("domainName",), f"{name!r} is no domain name that CDN accepts (lower case, at least two labels)"
            )
        if known(type_) and type_ not in _TYPES:
            yield Failure(("cdnType",), f"expected cdnType to be one of {list(_TYPES)}, got {type_!r}")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del cloud, old
        name = inputs["domainName"]
        for source in inputs["sources"]:
            if source.get("content") == name:
                raise CloudError("SourceIp.Exist", f"The origin can not be the accelerated domain name itself: {name}.")
            if not source.get("content"):
                raise CloudError(
                    "InvalidSources.Malformed", "An origin needs a content: a domain name or an IP address."
                )
            if source.get("port", _PORTS[0]) not in range(1, 65_536):
                raise CloudError(
                    "InvalidSources.Malformed", f"The port {source['port']} of an origin is not supported."
                )
        if inputs.get("scope", "domestic") != "overseas" and name.endswith(_NEVER_FILED):
            sentence = (
                f"The domain name {name} has no ICP filing, which the scopes domestic and global need: use overseas."
            )
            raise CloudError("DomainNotRegistration", sentence)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud
        return {
            "cname": f"{id_.lstrip('.')}.w.kunlunsl.com",
            "scope": inputs.get("scope", "domestic"),
            "status": inputs.get("status", "online"),
            "resourceGroupId": inputs.get("resourceGroupId", ""),
        }

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("DomainAlreadyExist", f"The domain name {id_} already exists.", 409)

    def remove(self, cloud: Cloud, row: Resource) -> None:
        for config in cloud.store.find(CONFIG, domainName=row.id):
            cloud.store.delete(config.type, config.id)
        super().remove(cloud, row)


class DomainConfig(AlibabaKind):
    # One function may be configured several times (rules), so there is no name that could clash.
    identity = ()
    operations = ("BatchSetCdnDomainConfig", "BatchSetCdnDomainConfig", "DeleteSpecificConfig")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return f"{inputs['domainName']}:{inputs['functionName']}:{random_text(15, '123456789')}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        domain = cloud.store.get(DOMAIN, inputs["domainName"])
        if domain is None:
            sentence = f"The domain name {inputs['domainName']} does not belong to you or does not exist."
            raise CloudError("InvalidDomain.NotFound", sentence, 404)
        name = inputs["functionName"]
        required = _REQUIRED_ARGUMENTS.get(name)
        if required is None:
            close = ", ".join(sorted(_REQUIRED_ARGUMENTS))
            raise CloudError("InvalidFunctionName", f"The function {name} is not known; known are {close}.")
        missing = required - {argument["argName"] for argument in inputs["functionArgs"]}
        if missing:
            sentence = f"The function {name} needs the argument {', '.join(sorted(missing))}."
            raise CloudError("InvalidFunctionArgs", sentence)
        if name == "l2_oss_key" and all(source.get("type") != "oss" for source in domain.properties["sources"]):
            sentence = f"The function {name} needs an origin of type oss, which {inputs['domainName']} has not."
            raise CloudError("InvalidFunctionArgs", sentence)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud
        return {"configId": id_.rpartition(":")[2], "status": "success", "parentId": inputs.get("parentId", "")}


KINDS = {DOMAIN: Domain, CONFIG: DomainConfig}
