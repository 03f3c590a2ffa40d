"""From batches to a trained network: remedies for imbalance, augmentation, the loop, and a baseline without one."""
