"""What `dbtool seed verify` finds wrong."""
