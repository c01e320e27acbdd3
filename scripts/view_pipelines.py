"""Show the pipelines in the browser without asking any other host: ``make kedro-viz``.

``kedro viz run`` asks PyPI for its latest version, and its page loads a font from Google; neither
has a switch. So its static site is built, relieved of what it would load, and served.
"""

import argparse
import contextlib
import functools
import http.server
import re
import socket
import subprocess
import sys
from pathlib import Path

_LOADED = re.compile(
    r"<(link|script)\b[^>]*\b(?:href|src)\s*=\s*[\"']?https?://[^>]*>(?:</script>)?"
)


def keep_to_itself(page: str) -> str:
    """Return a page without the links and scripts of other hosts; its fonts have a fallback."""
    return _LOADED.sub("", page)


def main(port: int) -> None:
    """Build the site into ``build`` and serve it on this machine until interrupted."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(f"port {port} is in use; end what uses it, or give another with --port")
    kedro = str(Path(sys.executable).with_name("kedro"))
    subprocess.run([kedro, "viz", "build", "--include-previews"], check=True)
    site = Path("build")
    for path in sorted(site.glob("*.html")):
        path.write_text(keep_to_itself(path.read_text(encoding="utf-8")), encoding="utf-8")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"The pipelines are at http://127.0.0.1:{server.server_port} (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4141)
    main(parser.parse_args().port)
