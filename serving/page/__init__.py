"""The curators' console: a ranked list, a student's card, and the answer to what was recommended."""
