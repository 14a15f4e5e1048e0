"""Rules over what a server said of itself, one file each."""
