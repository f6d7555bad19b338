# Tests and benchmarks of proto/.
bailey_unit(test_proto LINK proto)
