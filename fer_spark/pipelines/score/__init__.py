"""Pictures → scored rows."""
