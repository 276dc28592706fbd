"""The lines that Lambda itself writes to a function's log (Lambda Developer Guide, "Log formats")."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Report:
    """What an invocation took."""

    request_id: str
    duration_ms: float
    memory_mb: int
    used_mb: int
    init_ms: float | None = None
    """Only for the first invocation of a sandbox."""
    status: str = "success"
    """`success`, `error` or `timeout`."""
    error_type: str = ""

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds; the init phase is billed too, since August 2025 for every runtime."""
        return math.ceil(self.duration_ms + (self.init_ms or 0))


def start(request_id: str, version: str, *, as_json: bool) -> str:
    if as_json:
        return _event("platform.start", {"requestId": request_id, "version": version})
    return f"START RequestId: {request_id} Version: {version}"


def end(report: Report, *, as_json: bool) -> list[str]:
    """The END and REPORT lines, or the one JSON event that replaces them."""
    if as_json:
        return [_event("platform.report", _report_record(report))]
    fields = [
        f"REPORT RequestId: {report.request_id}",
        f"Duration: {report.duration_ms:.2f} ms",
        f"Billed Duration: {report.billed_ms} ms",
        f"Memory Size: {report.memory_mb} MB",
        f"Max Memory Used: {report.used_mb} MB",
    ]
    if report.init_ms is not None:
        fields.append(f"Init Duration: {report.init_ms:.2f} ms")
    if report.status != "success":
        fields.append(f"Status: {report.status}")
    if report.error_type:
        fields.append(f"Error Type: {report.error_type}")
    return [f"END RequestId: {report.request_id}", "\t".join(fields) + "\t"]


def init_start(runtime: str, *, as_json: bool) -> str:
    if as_json:
        return _event("platform.initStart", {"initializationType": "on-demand", "runtimeVersion": runtime})
    return f"INIT_START Runtime Version: {runtime}"


def init_failed(duration_ms: float, phase: str, error_type: str, *, as_json: bool) -> str:
    """`phase` is `init`, or `invoke` for the second attempt within the first invocation."""
    status = "timeout" if not error_type else "error"
    if as_json:
        metrics = {"durationMs": round(duration_ms, 3)}
        record = {"phase": phase, "status": status, "errorType": error_type, "metrics": metrics}
        return _event("platform.initReport", record)
    kind = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{kind}"


def timed_out(request_id: str, seconds: float) -> str:
    return f"{_now()} {request_id} Task timed out after {seconds:.2f} seconds"


def _report_record(report: Report) -> dict[str, object]:
    metrics: dict[str, object] = {
        "durationMs": round(report.duration_ms, 3),
        "billedDurationMs": report.billed_ms,
        "memorySizeMB": report.memory_mb,
        "maxMemoryUsedMB": report.used_mb,
    }
    if report.init_ms is not None:
        metrics["initDurationMs"] = round(report.init_ms, 3)
    record: dict[str, object] = {"requestId": report.request_id, "metrics": metrics, "status": report.status}
    if report.error_type:
        record["errorType"] = report.error_type
    return record


def _event(kind: str, record: dict[str, object]) -> str:
    return json.dumps({"time": _now(), "type": kind, "record": record})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
