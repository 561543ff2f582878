"""How we learn whether it helped: assignment, power and readout against a control group."""
