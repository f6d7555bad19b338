# Tests and benchmarks of rpc/.
