"""From an order to a release that has gone out: train or take weights, export, measure, plan, sign, roll out."""
