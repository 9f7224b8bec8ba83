"""The command line. Each command is a module; what a command needs is imported when it runs."""
