"""The detectors, a module each: its file is the name, its first line the help, DETECTOR the traits."""
