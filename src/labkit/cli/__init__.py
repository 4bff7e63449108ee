"""The command line: parse, call one library function, hand the result to `output`."""
