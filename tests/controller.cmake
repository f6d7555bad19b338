# Tests and benchmarks of controller/.
bailey_unit(test_session_wire LINK controller attest_sim TIMEOUT 120)
target_compile_definitions(test_session_wire PRIVATE
  CONTROLLER="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/bailey-controller")
add_dependencies(test_session_wire bailey-controller)
bailey_unit(test_store LINK controller)
bailey_unit(test_session LINK controller)
bailey_unit(test_ca LINK controller)

# From submit to running, with real processes of the same build.
bailey_bench(submit ${PROJECT_SOURCE_DIR}/tests/bench/submit.c LINK agent_loader rpc proto base PkgConfig::CRYPTO)
bailey_unit(test_reconcile LINK controller)
bailey_unit(test_placement LINK controller)
bailey_unit(test_move LINK controller)
bailey_unit(test_collateral LINK controller attest_sim)
bailey_unit(test_forecast LINK controller attest_sim)
bailey_unit(test_http LINK controller)
bailey_fuzz(fuzz_http LINK controller)

# Durable placements through the operators' service, beside the store alone.
bailey_bench(placement ${PROJECT_SOURCE_DIR}/tests/bench/placement.c LINK controller rpc proto base)
