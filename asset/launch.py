"""The two shell scripts of the zip: `bootstrap`, which both clouds start, and the wrapper behind `sys.executable`."""

from __future__ import annotations

from asset.sources import Interpreter

_START = """\
#!/bin/sh
case $0 in
  /*) d=${{0%/*}} ;;
  */*) d=$PWD/${{0%/*}} ;;
  *) d=$PWD ;;
esac
"""

_CERTIFICATES = """\
if [ -z "${{SSL_CERT_FILE+set}}" ]; then
  for f in /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem; do
    if [ -r "$f" ]; then
      export SSL_CERT_FILE="$f"
      break
    fi
  done
fi
"""

_EXEC = """\
exec "$d/{lib}/{loader}" --inhibit-cache --library-path "$d/{lib}" --argv0 "$d/{bin}/{python}" \\
  "$d/{bin}/{python}.bin" {arguments}
"""


def program_name(interpreter: Interpreter) -> str:
    """Such as `python3.13`."""
    return "python" + ".".join(interpreter.version.split(".")[:2])


def bootstrap(interpreter: Interpreter) -> bytes:
    """Starts `runtime/main.pyc`, isolated from the machine's Python settings and site packages.

    The root is the script's own folder: in a Lambda layer that is /opt, whatever LAMBDA_TASK_ROOT says.
    """
    run = _EXEC.format(
        lib="python/lib",
        bin="python/bin",
        loader=interpreter.loader.name,
        python=program_name(interpreter),
        arguments='-I -S -E -B -X utf8 "$d/runtime/main.pyc"',
    )
    return (_START.format() + _CERTIFICATES.format() + run).encode()


def wrapper(interpreter: Interpreter) -> bytes:
    """What `sys.executable` names, so that a child process gets the same loader and libraries."""
    run = _EXEC.format(
        lib="../lib", bin=".", loader=interpreter.loader.name, python=program_name(interpreter), arguments='"$@"'
    )
    return (_START.format() + run).encode()
