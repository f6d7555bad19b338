# What is checked about the code itself, and that the checks find what they are for.
set(checks_dir ${CMAKE_CURRENT_SOURCE_DIR})
function(bailey_check name)
  add_test(NAME checks/${name} COMMAND ${ARGN})
  set_tests_properties(checks/${name} PROPERTIES LABELS checks TIMEOUT 120)
endfunction()

bailey_check(catalog ${checks_dir}/check_catalog)
bailey_check(layers ${checks_dir}/check_layers)
bailey_check(proto ${checks_dir}/check_proto ${PROJECT_BINARY_DIR}/proto/descriptors.bin)
bailey_check(style ${checks_dir}/check_style)
bailey_check(install ${checks_dir}/check_install ${PROJECT_BINARY_DIR})
bailey_check(planted-violations ${checks_dir}/test_checks.py)
if(NOT BAILEY_SANITIZE AND NOT BAILEY_COVERAGE) # instrumented code names what the runtime needs
  set(pure)
  foreach(room attest scheduler proto)
    if(TARGET ${room})
      list(APPEND pure $<TARGET_FILE:${room}>)
    endif()
  endforeach()
  bailey_check(purity ${checks_dir}/check_purity ${pure})
endif()

# The protocol of leases and epochs, not its code: once is enough, in the build that ships.
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT BAILEY_SANITIZE)
  add_test(NAME model/fencing COMMAND ${checks_dir}/model/run ${PROJECT_BINARY_DIR}/model)
  set_tests_properties(model/fencing PROPERTIES LABELS model TIMEOUT 900 SKIP_RETURN_CODE 77)
endif()
