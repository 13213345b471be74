"""What tools/fuzz.py calls: one module for each kernel family, with a table `DRAWERS` of functions that draw a call.

A drawer takes a generator and a `large` flag and returns a `Call`: a public name, its arguments, what its reference
costs, how its answer is compared with the reference's, and checks that hold without a reference (peers, brute force on
a sample), for sizes at which it would take minutes.
"""
