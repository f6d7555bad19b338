# Tests and benchmarks of config/.
