"""The networks, a module each: its file is the name, its first line the help, NETWORK the traits (NetworkKind)."""
