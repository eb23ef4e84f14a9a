"""How fast a model's stages are where they may have to run."""
