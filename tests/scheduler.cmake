# Tests and benchmarks of scheduler/.
