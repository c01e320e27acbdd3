"""Tests and intervals as a statistician would look for them."""
