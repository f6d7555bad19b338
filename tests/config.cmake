# Tests and benchmarks of config/.
bailey_unit(test_yaml LINK config)
bailey_unit(test_config LINK config)
