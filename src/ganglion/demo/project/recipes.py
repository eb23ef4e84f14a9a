"""SHIM"""
from ...core.compute import Adam, CrossEntropy
from ...node.tools import Recipe
RECIPES={"digits": (Recipe(Adam(3e-3,60,32),CrossEntropy((.5,.7,1.0))), Recipe(Adam(5e-3,60,32),CrossEntropy((.5,.7,1.0))))}
