"""From the connection to the answer: what a client may do, and the routes."""
