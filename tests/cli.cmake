# Tests and benchmarks of cli/.
