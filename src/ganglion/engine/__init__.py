"""What computes: plain synchronous arithmetic behind requests of `core/compute.py`; the worlds add where and when."""
