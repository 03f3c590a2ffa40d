"""Pictures in archives: tar as a stream of members, zip by its directory."""
