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

_OWN_LOADER = """\
exec "$d/{lib}/{loader}" --inhibit-cache --library-path "$d/{lib}" --argv0 "$d/{bin}/{python}" \\
  "$d/{bin}/{python}.bin" {arguments}
"""

_LIBRARY_PATH = """\
export LD_LIBRARY_PATH="$d/{lib}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
"""

_IMAGES_LOADER = """\
exec "$d/{bin}/{python}" {arguments}
"""

_ISOLATED = '-I -S -E -B -X utf8 "$d/runtime/main.pyc"'


def bootstrap(interpreter: Interpreter) -> bytes:
    """Starts `runtime/main.pyc`, isolated from the machine's Python settings and site packages.

    The root is the script's own folder: in a Lambda layer that is /opt, whatever LAMBDA_TASK_ROOT says.
    """
    python = {"python": interpreter.name, "bin": "python/bin", "arguments": _ISOLATED}
    lib = f"python/{interpreter.libraries_folder}"
    if interpreter.loader is not None:
        run = _OWN_LOADER.format(lib=lib, loader=interpreter.loader.name, **python)
    else:
        path = _LIBRARY_PATH.format(lib=lib) if interpreter.search_path else ""
        run = path + _IMAGES_LOADER.format(**python)
    return (_START.format() + _CERTIFICATES.format() + run).encode()


def wrapper(interpreter: Interpreter, loader: str) -> bytes:
    """What `sys.executable` names, so that a child process gets the same loader and libraries."""
    run = _OWN_LOADER.format(lib="../lib", bin=".", loader=loader, python=interpreter.name, arguments='"$@"')
    return (_START.format() + run).encode()
