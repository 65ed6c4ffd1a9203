"""The HTTP machinery of the sandbox, which knows nothing of bookings."""
