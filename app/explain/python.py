"""Errors of Python rather than of autograd, and what the sandbox does not have. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.explain import fixes
from app.explain.finding import find, short
from app.explain.index import Index
from app.explain.source import Source
from app.run import Finding, Run, SnippetError

NETWORK = re.compile(r"\b(socket|urllib|urlopen|requests|http|connect|download|hub\.load|ftplib|smtplib)\b")
PROCESS = re.compile(
    r"\b(subprocess|Popen|os\.system|popen|fork|spawn|exec[vl]\w*|multiprocessing|Process|Thread"
    r"|ProcessPoolExecutor|SharedMemory)\b"
)
MISSING = re.compile(r"\[Errno 2\].*: ['\"](.{1,200})['\"]$", re.DOTALL)
FILE = re.compile(r"\[Errno (1|2|13|30|27|28)\].*: ['\"]")
REFUSED = re.compile(r"\[Errno (1|2|11|13|27|28|30|38|97)\]")


def syntax_error(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    if error.traceback and error.traceback[-1].text.startswith(("!", "%")):
        yield find("notebook_line", "error", line=error.line)
        return
    yield find("syntax_error", "error", line=error.line, params={"detail": short(error.message) or error.type})


def name_error(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    said = re.search(r"name '([^']{1,200})'", error.message)
    if said is not None:
        fix = fixes.import_name(source, said[1]) if error.type == "NameError" else None
        yield find("name_error", "error", line=error.line, params={"name": said[1]}, fix=fix)


def import_error(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    said = re.search(r"No module named '([^']{1,200})'", error.message)
    if said is not None:
        yield find("import_error", "error", line=error.line, params={"module": said[1]})


def exit_(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    yield find("exit", "info", line=error.line, params={"status": short(error.message) or "0"})


def refused(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    """A system call that the sandbox does not allow; the snippet's own line tells which kind."""
    line = error.traceback[-1].text if error.traceback else ""
    missing = MISSING.search(error.message)
    if REFUSED.search(error.message) is None:
        return
    if missing is not None and "no_paths" not in index.run.sandbox and PROCESS.search(line) is None:
        yield find("file_missing", "error", line=error.line, params={"name": missing[1]})
    elif NETWORK.search(line):
        yield find("network_refused", "error", line=error.line)
    elif PROCESS.search(line):
        yield find("process_refused", "error", line=error.line)
    elif FILE.search(error.message):
        yield find("file_refused", "error", line=error.line)
    elif PROCESS.search(index.run.code):  # the call that was refused lies in the library, its object was made elsewhere
        yield find("process_refused", "error", line=error.line, certainty="likely")


def memory_limit(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    limit = index.run.limits.get("memory_bytes")
    params = {"megabytes": round(limit / 2**20) if limit else None}
    yield find("memory_limit", "error", line=error.line, params=params)


def explain_limit(run: Run) -> Finding | None:
    """The limit that cut the run short, or None when no limit did."""
    line = run.last_line or (run.error.line if run.error is not None else None)
    if run.limit is None:
        return find("crashed", "error", line=line, certainty="likely") if run.status == "killed" else None
    name, value = run.limit.name, run.limit.value
    if name == "memory_bytes":
        return find("memory_limit", "error", line=line, params={"megabytes": round(value / 2**20)})
    if name == "output_bytes":
        return find("output_limit", "error", line=line, params={"kilobytes": round(value / 2**10)})
    if name == "result_bytes":
        return find("result_limit", "error", line=line, params={"megabytes": round(value / 2**20)})
    if name in ("wall_seconds", "cpu_seconds"):
        code = "time_limit" if name == "wall_seconds" else "cpu_limit"
        return find(code, "error", line=line, params={"seconds": value})
    return find("other_limit", "error", line=line, params={"limit": name, "value": value})
