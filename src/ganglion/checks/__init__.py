"""Contracts: what every implementation of a kind must do, as plain functions over a way to make one."""
