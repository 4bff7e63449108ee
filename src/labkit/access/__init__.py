"""Who may use an endpoint and how much: keys, budgets, and the ledger of what was used. Knows nothing of HTTP."""
