"""What decisions earn."""
