"""How fast the recurrent classifier runs here, beside usual recipes and the machine's limits."""
