"""What numbers in place of labels mean: who may say so, what was found, and whether the counts agree."""
