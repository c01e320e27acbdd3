"""Who is on which side of a split and in which fold."""
