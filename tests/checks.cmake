# Tests and benchmarks of checks/.
