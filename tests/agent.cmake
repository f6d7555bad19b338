# Tests and benchmarks of agent/.
bailey_unit(test_agent LINK agent)
bailey_unit(test_lease LINK agent)
bailey_unit(test_loader_supervise LINK agent_loader)
bailey_unit(test_loader LINK agent_loader TIMEOUT 60)
add_dependencies(test_loader bailey-loader bailey-entry)
set_tests_properties(unit/test_loader PROPERTIES SKIP_RETURN_CODE 77)
