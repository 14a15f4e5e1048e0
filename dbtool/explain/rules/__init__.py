"""Rules over plan nodes, one file each."""
