"""The state of a sandbox: the store, its bookings and the clock."""
