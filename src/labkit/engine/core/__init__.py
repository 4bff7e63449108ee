"""Pure decisions of the engine: sequences, slots, scheduling. No ctypes, no threads."""
