"""One module a version; each creates what the code of its time read, and is never changed."""
