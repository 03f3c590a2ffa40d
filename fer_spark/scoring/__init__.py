"""Faces or pictures → perceived expressions, everywhere the same: predictor, output rows, ledger, lease, drift."""
