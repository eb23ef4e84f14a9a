"""Blobs between neighbours, chunk by chunk, resumable by digest."""
