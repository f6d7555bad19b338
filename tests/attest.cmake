# Tests and benchmarks of attest/. (That the room is pure is checked in checks.cmake.)
bailey_unit(test_attest LINK attest)
bailey_unit(test_snp LINK attest attest_sim)
bailey_unit(test_sim LINK attest attest_sim)
bailey_unit(test_sim_defects LINK attest attest_sim TIMEOUT 400)
bailey_unit(test_sim_intel LINK attest attest_sim)
bailey_unit(test_cbor LINK attest)
bailey_unit(test_cose LINK attest attest_sim)
bailey_unit(test_cca LINK attest attest_sim SOURCES ${PROJECT_SOURCE_DIR}/tests/lib/vectors.c)
bailey_unit(test_cca_claims LINK attest attest_sim PkgConfig::JANSSON SOURCES ${PROJECT_SOURCE_DIR}/tests/lib/vectors.c)
bailey_unit(test_nitro LINK attest attest_sim SOURCES ${PROJECT_SOURCE_DIR}/tests/lib/vectors.c TIMEOUT 300)
set(quotes ${PROJECT_SOURCE_DIR}/tests/lib/vectors.c ${PROJECT_SOURCE_DIR}/tests/lib/quotes.c)
bailey_unit(test_dcap LINK attest SOURCES ${quotes})
bailey_unit(test_dcap_changes LINK attest SOURCES ${quotes})
bailey_unit(test_dcap_match LINK attest)
bailey_fuzz(fuzz_snp_report LINK attest)
bailey_fuzz(fuzz_cbor LINK attest)
bailey_fuzz(fuzz_nitro LINK attest attest_sim)
bailey_fuzz(fuzz_cca LINK attest attest_sim)
bailey_fuzz(fuzz_receipt LINK attest)
bailey_fuzz(fuzz_snp_leaf LINK attest)
bailey_fuzz(fuzz_quote LINK attest)
bailey_fuzz(fuzz_tcb_info LINK attest)
bailey_fuzz(fuzz_qe_identity LINK attest)
bailey_fuzz(fuzz_pck LINK attest)
bailey_fuzz(fuzz_cert LINK attest PkgConfig::CRYPTO)
target_sources(fuzz_cert PRIVATE ${PROJECT_SOURCE_DIR}/tests/lib/cert_differ.c)
bailey_bench(attest ${PROJECT_SOURCE_DIR}/tests/bench/attest.c LINK attest attest_sim)
bailey_unit(test_vectors LINK cli attest)
bailey_unit(test_cache LINK attest attest_sim)
bailey_unit(test_cert LINK attest attest_sim PkgConfig::CRYPTO
  SOURCES ${PROJECT_SOURCE_DIR}/tests/lib/cert_differ.c ${PROJECT_SOURCE_DIR}/tests/lib/vectors.c TIMEOUT 300)
bailey_unit(test_merkle LINK attest)
bailey_unit(test_receipt LINK attest TIMEOUT 120)

# Verifiers of other makers on simulated and on real evidence.
add_executable(evidence_make ${PROJECT_SOURCE_DIR}/tests/interop/evidence/make.c)
target_link_libraries(evidence_make PRIVATE attest_sim house_warnings)
set_target_properties(evidence_make PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

# Nitro documents to another maker's verifier, where node and npm can be had.
add_executable(nitro_documents ${PROJECT_SOURCE_DIR}/tests/interop/nitro/documents.c
  ${PROJECT_SOURCE_DIR}/tests/lib/vectors.c)
target_include_directories(nitro_documents PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(nitro_documents PRIVATE house_flags house_warnings attest attest_sim
  PkgConfig::CMOCKA)
set_target_properties(nitro_documents PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_test(NAME interop/nitro
  COMMAND ${PROJECT_SOURCE_DIR}/tests/interop/nitro/nitro.sh
          ${PROJECT_SOURCE_DIR}/tests/interop/nitro ${PROJECT_BINARY_DIR}/tests/interop-nitro
          $<TARGET_FILE:nitro_documents>)
set_tests_properties(interop/nitro PROPERTIES LABELS interop TIMEOUT 180 SKIP_RETURN_CODE 77
  ENVIRONMENT "BAILEY_VECTORS=$ENV{BAILEY_VECTORS};BAILEY_SOURCE=${PROJECT_SOURCE_DIR}")
