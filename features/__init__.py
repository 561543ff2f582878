"""What we know: raw facts in, one row per enrolment and moment out."""
