# Tests and benchmarks of cli/, and the end-to-end tests of the programs together.
bailey_unit(test_table LINK cli)
bailey_unit(test_cli LINK cli)
bailey_unit(test_cli_context LINK cli)
bailey_unit(test_text_diff LINK cli)

# tests/e2e/test_NAME.py on the real programs.
find_program(PYTHON3 python3 REQUIRED)
foreach(name lifecycle restart faults trust audit policy sentence input evidence vendors arm_aws collateral metrics advisory rollout roles join quota)
  add_test(NAME e2e/${name}
    COMMAND ${PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_${name}.py)
  set_tests_properties(e2e/${name} PROPERTIES LABELS e2e TIMEOUT 600
    ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin;BAILEY_VECTORS=$ENV{BAILEY_VECTORS}")
endforeach()
# every call by everybody; python3-grpcio is Debian's, and so is this Python
add_test(NAME e2e/tls COMMAND /usr/bin/python3 -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_tls.py)
set_tests_properties(e2e/tls PROPERTIES LABELS e2e TIMEOUT 600
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin")
add_test(NAME e2e/demo COMMAND ${PROJECT_SOURCE_DIR}/deploy/demo --once)
set_tests_properties(e2e/demo PROPERTIES LABELS e2e TIMEOUT 600
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin")

# Verifiers of other makers beside `bailey evidence verify`, on simulated and on real evidence.
add_test(NAME interop/evidence
  COMMAND ${PROJECT_SOURCE_DIR}/tests/interop/evidence/peers.sh
          ${PROJECT_SOURCE_DIR}/tests/interop/evidence ${PROJECT_BINARY_DIR}/tests/interop-evidence
          $<TARGET_FILE:bailey> $<TARGET_FILE:evidence_make>)
set_tests_properties(interop/evidence PROPERTIES LABELS interop TIMEOUT 600 SKIP_RETURN_CODE 77
  ENVIRONMENT "BAILEY_VECTORS=$ENV{BAILEY_VECTORS}")
