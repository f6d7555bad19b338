# Tests and benchmarks of base/.
foreach(module err rd buf arena map str time vec rand)
  bailey_unit(test_${module} LINK base)
endforeach()
bailey_unit(test_log LINK base PkgConfig::JANSSON)
bailey_unit(test_json SOURCES ${PROJECT_SOURCE_DIR}/tests/lib/json_read.c
  LINK base PkgConfig::JANSSON)
