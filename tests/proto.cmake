# Tests and benchmarks of proto/.
