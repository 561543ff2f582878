"""What we believe: from a row of features to a probability one may act on."""
