# Targets around tests and the stack.
up: build ## start the whole of it on this machine, send a first bundle, say what to try next
	@tools/stack/stack up
down: ## stop all that `make up` started; the data stays
	@tools/stack/stack down
status: ## what runs, with the base URL and the CA file
	@tools/stack/stack status
lint: ## every check of tests/lint: format, layers, words, clang-tidy, cppcheck, manifests ...
	@tools/setup/install lint
	@$(MAKE) --no-print-directory -j$$(nproc) $(PROTO_SRC)
	@rc=0; for t in tests/lint/*.test tests/lint/deep; do echo "# $$t"; $$t || rc=1; done; exit $$rc
soak: build ## the long tests: a backlog of 100,000 bulk messages, and an hour of load
	@FHIRBUS_BACKLOG=100000 TEST_LIMIT_S=7200 OUT=$(OUT) tests/run tests/e2e/lanes
