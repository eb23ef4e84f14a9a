"""The wire: frames, lanes and bulk between neighbours, over mutual TLS 1.3."""
