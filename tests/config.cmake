# Tests and benchmarks of config/.
bailey_unit(test_yaml LINK config)
bailey_unit(test_yaml_wrong LINK config)
bailey_unit(test_config LINK config)
bailey_unit(test_policy LINK config)
bailey_unit(test_print LINK config)
bailey_fuzz(fuzz_yaml LINK config)
bailey_fuzz(fuzz_apply LINK config)

# An independent reader takes what we print; 77: it is not installed.
add_test(NAME unit/check_json
  COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/tools/check_json.py
          $<TARGET_FILE:test_print> ${PROJECT_BINARY_DIR}/proto/descriptors.bin
          $<TARGET_FILE:prop_messages>)
set_tests_properties(unit/check_json PROPERTIES LABELS unit TIMEOUT 60 SKIP_RETURN_CODE 77)

bailey_unit(test_json_schema LINK config)
add_test(NAME unit/check_schema
  COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/tools/check_schema.py
          $<TARGET_FILE:test_json_schema>)
set_tests_properties(unit/check_schema PROPERTIES LABELS unit TIMEOUT 60)

# The JSON Schema in the hands of a validator and a YAML reader that are not ours; 77: no npm.
add_test(NAME interop/schema
  COMMAND ${PROJECT_SOURCE_DIR}/tests/interop/schema/run.sh ${PROJECT_SOURCE_DIR}
          ${PROJECT_BINARY_DIR}/tests/interop-schema $<TARGET_FILE:bailey>)
set_tests_properties(interop/schema PROPERTIES LABELS interop TIMEOUT 180 SKIP_RETURN_CODE 77)

# Properties over random messages; the seed is in the output.
add_executable(prop_messages ${PROJECT_SOURCE_DIR}/tests/prop/messages.c)
set_target_properties(prop_messages PROPERTIES OUTPUT_NAME messages
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/prop)
target_include_directories(prop_messages PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(prop_messages PRIVATE house_flags house_warnings config)
add_test(NAME prop/messages COMMAND prop_messages --cases 3000)
set_tests_properties(prop/messages PROPERTIES LABELS unit TIMEOUT 120)
bailey_unit(test_selector_text LINK config)
bailey_bench(yaml ${PROJECT_SOURCE_DIR}/tests/bench/yaml.c LINK config)
bailey_unit(test_advisory_import LINK config)
