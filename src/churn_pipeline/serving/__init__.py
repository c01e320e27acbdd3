"""The scoring service: its routes and what protects them."""
