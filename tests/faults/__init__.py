"""What the pool promises, under faults: seeded runs, checked from topics alone. `make faults`, or `--help` here."""
