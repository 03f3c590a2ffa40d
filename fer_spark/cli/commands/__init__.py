"""One module per `fer-spark` subcommand: its description, its flags, and the pipeline that it runs."""
