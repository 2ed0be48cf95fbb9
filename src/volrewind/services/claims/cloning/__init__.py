"""Clone claims: to their own namespace or to another one, without harm to the original."""
