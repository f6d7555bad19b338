# Tests and benchmarks of attest/.
bailey_unit(test_attest LINK attest)
bailey_unit(test_sim LINK attest attest_sim)
