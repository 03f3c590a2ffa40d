"""How faces were prepared, every default resolved: one value for manifest, card, job, ledger and digests."""
