# Tests and benchmarks of agent/.
