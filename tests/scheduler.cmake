# Tests and benchmarks of scheduler/.
bailey_unit(test_selector LINK scheduler)
bailey_unit(test_sched_place LINK scheduler)
bailey_unit(test_sched_why LINK scheduler)
