"""Where stages join: one folder per job, entered by its `run`."""
