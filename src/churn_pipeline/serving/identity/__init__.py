"""Who asks: API keys, tokens of an identity provider, and the files that say so."""
