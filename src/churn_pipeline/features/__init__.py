"""What the model sees: derived columns, the split, and the encoders of the candidates."""
