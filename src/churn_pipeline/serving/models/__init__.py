"""The models that answer: loaded, deployed, swapped, and a silent challenger."""
