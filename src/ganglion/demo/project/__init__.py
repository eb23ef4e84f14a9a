"""The demo's own project, in the shape any user's has: `model.py` builds, `data.py` loads, `recipes.py` says how to fit."""
