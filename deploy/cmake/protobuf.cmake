# .proto files to protobuf-c code, and all of them to one FileDescriptorSet with comments.
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_C protoc-c REQUIRED)

# The well-known types come with protoc: beside it in <prefix>/include.
get_filename_component(_protoc_bin ${PROTOC} DIRECTORY)
find_path(PROTOBUF_INCLUDE google/protobuf/descriptor.proto HINTS ${_protoc_bin}/../include REQUIRED)

# bailey_protobuf(TARGET ROOT dir FILES a.proto ... WELL_KNOWN b.proto ...)
function(bailey_protobuf target)
  cmake_parse_arguments(P "" "ROOT" "FILES;WELL_KNOWN" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR})
  set(sources)
  set(inputs)
  foreach(file ${P_FILES})
    string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${file})
    add_custom_command(OUTPUT ${out}/${stem}.c ${out}/${stem}.h
      COMMAND ${PROTOC_C} -I${P_ROOT} -I${PROTOBUF_INCLUDE} --c_out=${out} ${file}
      DEPENDS ${P_ROOT}/${file} WORKING_DIRECTORY ${P_ROOT} VERBATIM)
    list(APPEND sources ${out}/${stem}.c)
    list(APPEND inputs ${P_ROOT}/${file})
  endforeach()
  foreach(file ${P_WELL_KNOWN})
    string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${file})
    add_custom_command(OUTPUT ${out}/${stem}.c ${out}/${stem}.h
      COMMAND ${PROTOC_C} -I${PROTOBUF_INCLUDE} --c_out=${out} ${file}
      DEPENDS ${PROTOBUF_INCLUDE}/${file} VERBATIM)
    list(APPEND sources ${out}/${stem}.c)
  endforeach()
  add_custom_command(OUTPUT ${out}/descriptors.bin
    COMMAND ${PROTOC} -I${P_ROOT} -I${PROTOBUF_INCLUDE} --include_imports --include_source_info
            --descriptor_set_out=${out}/descriptors.bin ${P_FILES}
    DEPENDS ${inputs} WORKING_DIRECTORY ${P_ROOT} VERBATIM)
  add_custom_target(${target}_descriptors DEPENDS ${out}/descriptors.bin)
  # generated code is not ours to warn about
  add_library(${target}_generated STATIC ${sources})
  target_include_directories(${target}_generated SYSTEM PUBLIC ${out})
  target_link_libraries(${target}_generated PUBLIC house_flags PkgConfig::PROTOBUFC)
  add_dependencies(${target}_generated ${target}_descriptors)
endfunction()
