"""What runs inside the `python` engine's component: CPython code that defines and calls a closure.

Nothing here knows the submitter's package `spm`. `entry` is where a host's two calls arrive;
`payload` makes the closure out of the submitter's source and values; `encode` and `decode` are the
value codec; `raised` writes what went wrong. It also runs under plain CPython, which is how most of
it is tested.
"""
