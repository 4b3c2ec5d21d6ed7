"""Legacy completions as data: what a request means, and nothing about how it is answered."""
