"""Tables against the contract: cells are read, completed and checked."""
