"""The command line: parse, call a family, hand its report to the output."""
