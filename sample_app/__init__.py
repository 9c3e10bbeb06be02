"""Ticket desk: a small Bottle service whose tickets and numbers outlive it."""
