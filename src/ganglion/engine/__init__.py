"""What computes: plain synchronous arithmetic behind the requests of `core/compute.py`; the worlds add where and when."""
