"""Why a model answered as it did: LIME over superpixels of one face, and how faithful that is."""
