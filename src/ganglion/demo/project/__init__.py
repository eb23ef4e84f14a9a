"""The demo's own project, in a user's shape: `model.py` builds, `data.py` loads, `recipes.py` says how to fit."""
