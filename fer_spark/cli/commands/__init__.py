"""One module per `fer-spark` subcommand: parse, join the stages, publish, one summary. Stages meet only here."""
