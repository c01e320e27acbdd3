"""Campaigns: whom to contact how within a budget, whom to hold out, and whether it paid."""
