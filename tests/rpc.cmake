# Tests and benchmarks of rpc/.
add_library(rpc_world STATIC ${PROJECT_SOURCE_DIR}/tests/lib/rpc_pki.c
  ${PROJECT_SOURCE_DIR}/tests/lib/rpc_world.c)
target_link_libraries(rpc_world PUBLIC rpc PRIVATE house_warnings)

bailey_unit(test_rpc_unary LINK rpc_world)
bailey_unit(test_rpc_stream LINK rpc_world)

# Clients of other makers against a real server.
add_executable(interop_server ${PROJECT_SOURCE_DIR}/tests/interop/server.c)
target_link_libraries(interop_server PRIVATE rpc_world house_warnings)
set_target_properties(interop_server PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
find_program(SYSTEM_PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH)
add_test(NAME interop/python
  COMMAND ${SYSTEM_PYTHON3} ${PROJECT_SOURCE_DIR}/tests/interop/client.py $<TARGET_FILE:interop_server>)
add_test(NAME interop/grpc-js
  COMMAND ${PROJECT_SOURCE_DIR}/tests/interop/js.sh ${PROJECT_SOURCE_DIR}/tests/interop
          ${PROJECT_BINARY_DIR}/tests/interop-js $<TARGET_FILE:interop_server>)
set_tests_properties(interop/python interop/grpc-js PROPERTIES
  LABELS interop TIMEOUT 180 SKIP_RETURN_CODE 77)
if(BAILEY_SANITIZE MATCHES "thread")
  set_property(TEST unit/test_rpc_unary unit/test_rpc_stream APPEND PROPERTY
    ENVIRONMENT "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")
endif()

bailey_bench(rpc ${PROJECT_SOURCE_DIR}/tests/bench/rpc.c ${PROJECT_SOURCE_DIR}/tests/bench/rpc_bench.c
  LINK rpc_world)
bailey_bench(storm ${PROJECT_SOURCE_DIR}/tests/bench/storm.c ${PROJECT_SOURCE_DIR}/tests/bench/rpc_bench.c
  LINK rpc_world)
