# Tests and benchmarks of base/.
