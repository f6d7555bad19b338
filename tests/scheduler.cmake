# Tests and benchmarks of scheduler/.
bailey_unit(test_selector LINK scheduler)
bailey_unit(test_sched_place LINK scheduler)
bailey_unit(test_sched_why LINK scheduler)
bailey_bench(scheduler ${PROJECT_SOURCE_DIR}/tests/bench/scheduler.c LINK scheduler)
add_test(NAME bench/scheduler COMMAND bench_scheduler --quick --json)
set_tests_properties(bench/scheduler PROPERTIES LABELS bench TIMEOUT 120)
bailey_unit(test_sched_cell LINK scheduler)
