"""Who a node is: the authority, tokens, certificates and the keys a node keeps."""
