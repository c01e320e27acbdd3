"""The interactive documentation: Swagger UI, whose files BentoML serves at ``/static_content``.

Nothing is fetched from elsewhere, and no script stands in the page itself, so that the content
security policy can forbid both.
"""

from collections.abc import Mapping

PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Churn scoring service</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static_content/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does not.</noscript>
<script src="static_content/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""

SCRIPT = b"""window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#page",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    displayRequestDuration: true,
    defaultModelExpandDepth: 3,
    defaultModelsExpandDepth: 0,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
});
"""

# the answers link to no other routes; without that column they fit on a telephone
STYLE = b"""body { margin: 0; }
.swagger-ui .info { margin: 30px 0; }
.swagger-ui .response-col_links { display: none; }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 10px; }
  .swagger-ui .opblock-summary-path { overflow-wrap: anywhere; }
}
"""

FILES: Mapping[str, tuple[bytes, bytes]] = {
    "/": (b"text/html; charset=utf-8", PAGE),
    "/docs": (b"text/html; charset=utf-8", PAGE),
    "/docs/page.js": (b"text/javascript; charset=utf-8", SCRIPT),
    "/docs/page.css": (b"text/css; charset=utf-8", STYLE),
}
"""Path -> (content type, content); served with ``headers.DOCS_HEADERS``."""
