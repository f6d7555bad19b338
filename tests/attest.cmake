# Tests and benchmarks of attest/.
