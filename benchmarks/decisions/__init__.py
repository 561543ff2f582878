"""What the figures on deciding are made with."""
