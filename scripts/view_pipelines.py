"""Show the pipelines in the browser without asking any other host: ``make kedro-viz``.

``kedro viz run`` asks PyPI for its latest version, its page loads a font from Google, and its first
screen is all datasets at once; none of this has a switch. So the static site that ``kedro viz
build`` makes is changed a little, and served: it loads nothing from elsewhere and opens on one box
a pipeline, in its layer. Datasets and parameters are a click away, under "Element types".
"""

import argparse
import contextlib
import functools
import http.server
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

_LOADED = re.compile(
    r"<(link|script)\b[^>]*\b(?:href|src)\s*=\s*[\"']?https?://[^>]*>(?:</script>)?"
)
# what kedro-viz reads when it starts; what the reader has chosen since is left alone
_FIRST_SCREEN = """<script>
if (!location.search) history.replaceState(null, "", "?types=nodes");
const chosen = JSON.parse(localStorage.getItem("KedroViz") || "{}");
const ours = { showFeatureHints: false, visible: { miniMap: false } };  // the map covers the layers
localStorage.setItem("KedroViz", JSON.stringify({ ...ours, ...chosen }));
</script>
"""


def keep_to_itself(page: str) -> str:
    """Return a page without the links and scripts of other hosts; its fonts have a fallback."""
    return _LOADED.sub("", page)


def open_on_pipelines(page: str) -> str:
    """Return kedro-viz's page with a first screen of pipelines alone, and without its tour."""
    return page.replace("<script", _FIRST_SCREEN + "<script", 1)


def put_in_layers(graph: dict[str, Any]) -> None:
    """Give each pipeline's box the first of the layers that the pipeline writes into.

    Parameters
    ----------
    graph : dict
        As kedro-viz answers ``api/main``; changed in place.
    """
    layers = {node["id"]: node.get("layer") for node in graph["nodes"]}
    for node in graph["nodes"]:
        if node["type"] == "modularPipeline":
            written = {layers[name] for name in graph["modular_pipelines"][node["id"]]["outputs"]}
            node["layer"] = next((layer for layer in graph["layers"] if layer in written), None)


def build() -> Path:
    """Build the site into ``build``; return that folder."""
    kedro = str(Path(sys.executable).with_name("kedro"))
    subprocess.run([kedro, "viz", "build", "--include-previews"], check=True)
    site = Path("build")
    for path in sorted(site.glob("*.html")):
        page = keep_to_itself(path.read_text(encoding="utf-8"))
        path.write_text(open_on_pipelines(page), encoding="utf-8")
    for path in (site / "api/main", *sorted((site / "api/pipelines").iterdir())):
        graph = json.loads(path.read_text(encoding="utf-8"))
        put_in_layers(graph)
        path.write_text(json.dumps(graph), encoding="utf-8")
    return site


def main(port: int) -> None:
    """Build the site and serve it on this machine until interrupted."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(f"port {port} is in use; end what uses it, or give another with --port")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(build()))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"The pipelines are at http://127.0.0.1:{server.server_port} (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4141)
    parser.add_argument("--build-only", action="store_true", help="build the site, serve nothing")
    arguments = parser.parse_args()
    if arguments.build_only:
        build()
    else:
        main(arguments.port)
