"""The pool's supervisor: one group member, and the processes that work for it."""
