# Tests and benchmarks of rpc/.
add_library(rpc_world STATIC ${PROJECT_SOURCE_DIR}/tests/lib/rpc_pki.c
  ${PROJECT_SOURCE_DIR}/tests/lib/rpc_world.c)
target_link_libraries(rpc_world PUBLIC rpc PRIVATE house_warnings)

bailey_unit(test_rpc_unary LINK rpc_world)
bailey_unit(test_rpc_stream LINK rpc_world)
