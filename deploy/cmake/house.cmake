# The house's flags, and one function each for a room, a test, a fuzz target and a benchmark.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Our short names (json_object, map_init, ...) must never stand in for a shared library's own.
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

option(BAILEY_FUZZ "Build fuzz targets with libFuzzer (clang); otherwise they replay their corpus" OFF)
option(BAILEY_COVERAGE "Instrument for gcov" OFF)
option(BAILEY_ANALYZE "Run gcc -fanalyzer on the pure rooms" OFF)
set(BAILEY_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

# Flags of everything we compile, generated code included.
add_library(house_flags INTERFACE)
target_compile_definitions(house_flags INTERFACE _GNU_SOURCE)
target_compile_options(house_flags INTERFACE
  -fstack-protector-strong -fstack-clash-protection -fcf-protection
  -fno-strict-aliasing -fno-omit-frame-pointer)
target_link_options(house_flags INTERFACE -Wl,-z,relro,-z,now,--as-needed)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  set(fortify 2) # all that clang 14 knows
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(fortify 3)
  endif()
  target_compile_options(house_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify} -ftrivial-auto-var-init=zero)
endif()
if(BAILEY_SANITIZE)
  target_compile_options(house_flags INTERFACE
    -fsanitize=${BAILEY_SANITIZE} -fno-sanitize-recover=all -O1)
  target_link_options(house_flags INTERFACE -fsanitize=${BAILEY_SANITIZE})
  if(BAILEY_SANITIZE MATCHES "thread")
    target_compile_definitions(house_flags INTERFACE BAILEY_TSAN=1)
  endif()
endif()
if(BAILEY_FUZZ)
  target_compile_options(house_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(BAILEY_COVERAGE)
  target_compile_options(house_flags INTERFACE --coverage -O0)
  target_link_options(house_flags INTERFACE --coverage)
endif()

# Warnings of the code that people wrote. Texts that are cut to fit are what snprintf is for here, so
# that gcc's guess of where it happens (optimised builds only) says nothing.
add_library(house_warnings INTERFACE)
target_compile_options(house_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-align
  -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla
  -Wwrite-strings -Wpointer-arith -Wdouble-promotion -Wimplicit-fallthrough)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # -Wcast-qual and -Wswitch-enum are for gcc alone: clang looks into protobuf-c's macros, which cast
  # const away and pad enums
  target_compile_options(house_warnings INTERFACE
    -Wcast-qual -Wswitch-enum -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Walloc-zero
    -Wjump-misses-init -Wno-format-truncation)
endif()
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  target_compile_options(house_warnings INTERFACE -Wno-missing-field-initializers) # libseccomp's macros
endif()
if((BAILEY_SANITIZE OR BAILEY_COVERAGE) AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # instrumented code shows gcc paths that do not exist
  target_compile_options(house_warnings INTERFACE -Wno-maybe-uninitialized)
endif()

# bailey_room(NAME file.c ... [PURE] [LINK target ...]): the room's static library.
function(bailey_room name)
  cmake_parse_arguments(R "PURE" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${R_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC house_flags ${R_LINK} PRIVATE house_warnings)
  # gcc's null analysis needs the optimiser, and misfires on instrumented code and on inlined callbacks
  if(R_PURE AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT BAILEY_SANITIZE)
    target_compile_options(${name} PRIVATE -Wnull-dereference)
  endif()
  if(R_PURE AND BAILEY_ANALYZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -fanalyzer)
  endif()
endfunction()

# bailey_program(NAME file.c ... LINK target ...): a program in bin/.
function(bailey_program name)
  cmake_parse_arguments(P "" "" "LINK" ${ARGN})
  add_executable(${name} ${P_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE house_flags house_warnings ${P_LINK})
endfunction()

# bailey_unit(NAME LINK target ... [LABEL unit] [TIMEOUT s]): tests/unit/NAME.c as a cmocka program and a test.
function(bailey_unit name)
  cmake_parse_arguments(U "" "LABEL;TIMEOUT" "LINK;SOURCES" ${ARGN})
  if(NOT U_LABEL)
    set(U_LABEL unit)
  endif()
  if(NOT U_TIMEOUT)
    set(U_TIMEOUT 120)
  endif()
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/unit/${name}.c ${U_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE house_flags house_warnings ${U_LINK} PkgConfig::CMOCKA)
  add_test(NAME ${U_LABEL}/${name} COMMAND ${name})
  set_tests_properties(${U_LABEL}/${name} PROPERTIES LABELS ${U_LABEL} TIMEOUT ${U_TIMEOUT}
    ENVIRONMENT "BAILEY_VECTORS=$ENV{BAILEY_VECTORS};BAILEY_SOURCE=${PROJECT_SOURCE_DIR}")
endfunction()

# bailey_fuzz(NAME LINK target ...): tests/fuzz/NAME.c; with BAILEY_FUZZ a libFuzzer program, otherwise a
# program that replays the files it is given, run as a test on tests/fuzz/corpus/NAME where that exists.
function(bailey_fuzz name)
  cmake_parse_arguments(F "" "" "LINK" ${ARGN})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE house_flags house_warnings ${F_LINK})
  if(BAILEY_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.c)
    add_test(NAME fuzz-replay/${name}
      COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz-replay/${name} PROPERTIES LABELS fuzz-replay TIMEOUT 120)
  endif()
endfunction()

# bailey_bench(NAME file.c ... LINK target ...): a benchmark in bench/; every one takes --json.
function(bailey_bench name)
  cmake_parse_arguments(B "" "" "LINK" ${ARGN})
  add_executable(bench_${name} ${B_UNPARSED_ARGUMENTS})
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  target_include_directories(bench_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(bench_${name} PRIVATE house_flags house_warnings ${B_LINK})
endfunction()

# bailey_embed(TARGET SYMBOL FILE): the file's bytes as `const unsigned char SYMBOL[]`, with
# `const unsigned long SYMBOL_size`.
function(bailey_embed target symbol file)
  set(asm ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(GENERATE OUTPUT ${asm} CONTENT
    ".section .rodata\n.global ${symbol}\n.balign 16\n${symbol}:\n.incbin \"${file}\"\n1:\n.byte 0\n.balign 8\n.global ${symbol}_size\n${symbol}_size:\n.quad 1b - ${symbol}\n.section .note.GNU-stack,\"\",@progbits\n")
  set_source_files_properties(${asm} PROPERTIES OBJECT_DEPENDS ${file} GENERATED ON)
  target_sources(${target} PRIVATE ${asm})
endfunction()
