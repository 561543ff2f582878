"""From what schools and public sets have to rows of the contracts: one module per kind of source."""
