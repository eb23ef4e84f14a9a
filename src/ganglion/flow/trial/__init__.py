"""Two releases on the same live samples of one site: which of them is worse?"""
