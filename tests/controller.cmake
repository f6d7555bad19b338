# Tests and benchmarks of controller/.
bailey_unit(test_session_wire LINK controller attest_sim TIMEOUT 120)
target_compile_definitions(test_session_wire PRIVATE
  CONTROLLER="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/bailey-controller")
add_dependencies(test_session_wire bailey-controller)
bailey_unit(test_store LINK controller)
bailey_unit(test_audit LINK controller TIMEOUT 120)
bailey_unit(test_session LINK controller)
bailey_unit(test_ca LINK controller)

# From submit to running, with real processes of the same build.
bailey_bench(submit ${PROJECT_SOURCE_DIR}/tests/bench/submit.c LINK agent_loader rpc proto base PkgConfig::CRYPTO)
bailey_unit(test_reconcile LINK controller)
bailey_unit(test_placement LINK controller)
bailey_unit(test_move LINK controller)
bailey_unit(test_revocation LINK controller)
bailey_unit(test_collateral LINK controller attest_sim)
bailey_unit(test_forecast LINK controller attest_sim)

# Durable placements through the operators' service, beside the store alone.
bailey_bench(placement ${PROJECT_SOURCE_DIR}/tests/bench/placement.c LINK controller rpc proto base)
bailey_unit(test_http LINK controller)
bailey_fuzz(fuzz_http LINK controller)

# A generation is revoked, on real processes; the checker of the log needs Debian's python3-protobuf.
add_test(NAME e2e/revoke
  COMMAND /usr/bin/python3 -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_revoke.py)
set_tests_properties(e2e/revoke PROPERTIES LABELS e2e TIMEOUT 900
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin")

# From the commit of a revocation to the last keep's stop, over TLS, beside plan and bare messages.
bailey_bench(revoke ${PROJECT_SOURCE_DIR}/tests/bench/revoke.c LINK agent attest_sim attest rpc proto base PkgConfig::CRYPTO)

# Who may call what; second persons; the CA's rotation.
bailey_unit(test_authorize LINK controller)
bailey_unit(test_approval LINK controller)
bailey_unit(test_authorities LINK controller)
