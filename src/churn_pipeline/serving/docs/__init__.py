"""What the service tells of itself: OpenAPI, schemas, the page for people."""
