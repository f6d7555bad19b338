# Tests and benchmarks of scheduler/.
bailey_unit(test_selector LINK scheduler)
bailey_unit(test_sched_place LINK scheduler)
bailey_unit(test_sched_why LINK scheduler)
bailey_bench(scheduler ${PROJECT_SOURCE_DIR}/tests/bench/scheduler.c
  ${PROJECT_SOURCE_DIR}/tests/bench/sched_world.c
  ${PROJECT_SOURCE_DIR}/tests/bench/sched_events.c LINK scheduler)
add_test(NAME bench/scheduler COMMAND bench_scheduler --quick --json)
set_tests_properties(bench/scheduler PROPERTIES LABELS bench TIMEOUT 120)
bailey_unit(test_sched_cell LINK scheduler)
bailey_unit(test_sched_evacuate LINK scheduler)
bailey_unit(test_sched_preempt LINK scheduler)
bailey_unit(test_sched_rollout LINK scheduler)
bailey_unit(test_sched_queue LINK scheduler)

# Placing against an oracle. Nightly: --cases 10000000.
add_executable(prop_sched_place ${PROJECT_SOURCE_DIR}/tests/prop/sched_place.c
  ${PROJECT_SOURCE_DIR}/tests/prop/sched_model.c)
set_target_properties(prop_sched_place PROPERTIES OUTPUT_NAME sched_place
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/prop)
target_include_directories(prop_sched_place PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(prop_sched_place PRIVATE house_flags house_warnings scheduler)
add_executable(prop_sched_pack ${PROJECT_SOURCE_DIR}/tests/prop/sched_pack.c)
set_target_properties(prop_sched_pack PROPERTIES OUTPUT_NAME sched_pack
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/prop)
target_include_directories(prop_sched_pack PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(prop_sched_pack PRIVATE house_flags house_warnings scheduler)
add_test(NAME prop/sched_pack COMMAND prop_sched_pack)
set_tests_properties(prop/sched_pack PROPERTIES LABELS unit TIMEOUT 120)
add_test(NAME prop/sched_place COMMAND prop_sched_place --cases 200000)
set_tests_properties(prop/sched_place PROPERTIES LABELS unit TIMEOUT 120)

# Properties over random cases; the seed is in the output. Nightly: --cases 10000000 and more.
add_executable(prop_selectors ${PROJECT_SOURCE_DIR}/tests/prop/selectors.c)
set_target_properties(prop_selectors PROPERTIES OUTPUT_NAME selectors
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/prop)
target_include_directories(prop_selectors PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(prop_selectors PRIVATE house_flags house_warnings scheduler)
add_test(NAME prop/selectors COMMAND prop_selectors --cases 300000)
set_tests_properties(prop/selectors PROPERTIES LABELS unit TIMEOUT 120)
bailey_bench(selector ${PROJECT_SOURCE_DIR}/tests/bench/selector.c LINK scheduler)
