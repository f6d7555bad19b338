# Tests and benchmarks of controller/.
