"""Rules over the team's models, one file each."""
