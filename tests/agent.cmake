# Tests and benchmarks of agent/.
bailey_unit(test_agent LINK agent)
bailey_unit(test_lease LINK agent)
bailey_unit(test_loader_supervise LINK agent_loader)
bailey_unit(test_loader_health LINK agent_loader)
bailey_unit(test_loader LINK agent_loader TIMEOUT 60)
add_dependencies(test_loader bailey-loader bailey-entry)
set_tests_properties(unit/test_loader PROPERTIES SKIP_RETURN_CODE 77)

# One keep: its walls, its health, its ends.
find_program(PYTHON3 python3 REQUIRED)
add_test(NAME e2e/keep COMMAND ${PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_keep.py)
set_tests_properties(e2e/keep PROPERTIES LABELS e2e TIMEOUT 600
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin")

# Sources of evidence, against configfs-tsm in user space with the simulator behind it.
pkg_check_modules(FUSE REQUIRED IMPORTED_TARGET fuse3>=3.10)
add_executable(tsm_fuse ${PROJECT_SOURCE_DIR}/tests/tools/tsm_fuse.c)
target_include_directories(tsm_fuse PRIVATE ${PROJECT_SOURCE_DIR})
set_target_properties(tsm_fuse PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_link_libraries(tsm_fuse PRIVATE house_flags house_warnings attest_sim base PkgConfig::FUSE)
add_executable(sim_files ${PROJECT_SOURCE_DIR}/tests/tools/sim_files.c)
target_include_directories(sim_files PRIVATE ${PROJECT_SOURCE_DIR})
set_target_properties(sim_files PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_link_libraries(sim_files PRIVATE house_flags house_warnings attest_sim base)
add_test(NAME e2e/probe COMMAND ${PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_probe.py)
set_tests_properties(e2e/probe PROPERTIES LABELS e2e TIMEOUT 600
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin;BAILEY_TESTS=${PROJECT_BINARY_DIR}/tests;BAILEY_GUEST_ROOT=$ENV{BAILEY_GUEST_ROOT}")
bailey_unit(test_source_device LINK agent)
bailey_fuzz(fuzz_source LINK agent)
add_library(dcap_played MODULE ${PROJECT_SOURCE_DIR}/tests/tools/dcap_played.c)
target_link_libraries(dcap_played PRIVATE house_warnings)
bailey_unit(test_source_probe LINK agent)
add_dependencies(test_source_probe dcap_played)
set_property(TEST unit/test_source_probe APPEND PROPERTY ENVIRONMENT
  "DCAP_LIBRARY=$<TARGET_FILE:dcap_played>")
add_test(NAME e2e/sources COMMAND ${PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_sources.py)
set_tests_properties(e2e/sources PROPERTIES LABELS e2e TIMEOUT 300
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin;BAILEY_TESTS=${PROJECT_BINARY_DIR}/tests")

# Other runtimes; each skips where its tools are not.
foreach(runtime oci vm enarx)
  add_test(NAME e2e/runtime_${runtime}
    COMMAND ${PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_runtime_${runtime}.py)
  set_tests_properties(e2e/runtime_${runtime} PROPERTIES LABELS e2e TIMEOUT 600
    ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin")
endforeach()
bailey_unit(test_runtime_command LINK agent_loader)
bailey_unit(test_artifact_store LINK agent)
add_test(NAME e2e/runtime_artifacts
  COMMAND ${PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/e2e/test_runtime_artifacts.py)
set_tests_properties(e2e/runtime_artifacts PROPERTIES LABELS e2e TIMEOUT 600
  ENVIRONMENT "BAILEY_BIN=${PROJECT_BINARY_DIR}/bin")
bailey_bench(start ${PROJECT_SOURCE_DIR}/tests/bench/start.c LINK agent_loader)
bailey_unit(test_revoked LINK agent)
