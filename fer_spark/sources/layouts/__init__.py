"""The layouts of an input, a module each: its file is the name, its first line the help, LAYOUT the traits."""
