"""Petastorm's reader machinery on current libraries."""
