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
PREFIX ?= /usr/local
install: build ## the validator for others: library, headers, pkg-config file, command, manual page (PREFIX, DESTDIR)
	@tools/install/install $(OUT) $(PREFIX) $(DESTDIR)
.PHONY: install
SECONDS ?= 60
JOBS    ?= 1
FUZZ_FLAGS := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
fuzz: deps ## fuzz every target of tests/fuzz for SECONDS=60 each; TARGETS="json ..." chooses, JOBS=2 runs two at a time
	@tools/setup/install fuzz
	@$(MAKE) --no-print-directory -j$$(nproc) OUT=build/fuzz CC=clang WARN=-w HARD="$(FUZZ_FLAGS)" fuzz-targets
	@tests/fuzz/run build/fuzz $(SECONDS) $(JOBS) $(TARGETS)
.PHONY: fuzz-targets
fuzz-targets: $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/%)
$(OUT)/%_fuzz: $(OUT)/obj/tests/fuzz/%_fuzz.o $(LIB_SUPPORT) $(LIB_SERVICES) $(ARCHIVES)
	$(CC) -fsanitize=fuzzer,address,undefined $(LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -o $@
# Mutators that know the form of the input.
$(OUT)/validator_fuzz: $(OUT)/obj/tests/fuzz/mutate/json.o
soak: build ## MINUTES=30 of load with random kills of everything, then fhirbus-reconcile (SEED, RATE)
	@OUT=$(OUT) MINUTES=$(or $(MINUTES),30) tests/bench/soak
.PHONY: soak-lanes
soak-lanes: build ## interactive latency beside a backlog of 100,000 bulk messages
	@FHIRBUS_BACKLOG=100000 TEST_LIMIT_S=7200 OUT=$(OUT) tests/run tests/e2e/lanes
# spec: ../shared/DATA.md "How the answers were made": the packages and code lists of the Java core's run.
ORACLE_PACKAGES := $(addprefix ../shared/packages/,us.ny.hrsn-1.8.1.tgz hl7.fhir.us.core-3.1.1.tgz \
  hl7.fhir.us.sdoh-clinicalcare-2.2.0.tgz hl7.fhir.uv.sdc-3.0.0.tgz) build/packages/hl7.fhir.r4.core-4.0.1.tgz \
  $(addprefix ../shared/packages/,2.16.840.1.113762.1.4.1021.32.json 2.16.840.1.113762.1.4.1240.11.json)
comma_codes = ../shared/data/oracle/$(1)$(comma)$(2)$(comma)value-set=http://hl7.org/fhir/ValueSet/$(3)
ORACLE_CODES := ../shared/data/oracle/codes.tsv \
  $(call comma_codes,codes.tsv,only=http://loinc.org,observation-codes) \
  $(call comma_codes,NYS-HRSN-Questionnaire-extra-codes.psv,system=http://shinny.org/us/ny/hrsn/CodeSystem/NYS-HRSN-Questionnaire,observation-codes) \
  $(call comma_codes,language-subtags.psv,system=urn:ietf:bcp:47,languages)
oracle-image: deps ## build/oracle.img: the packages and code lists that the Java core's answers were made with
	@$(MAKE) --no-print-directory $(BIN)/fhir-validate
	@$(BIN)/fhir-validate compile $(ORACLE_PACKAGES) --no-dependencies --lenient-terminology \
	  $(ORACLE_CODES:%=--codes %) -o build/oracle.img
bench: bench-json bench-fhirpath bench-validator bench-pipeline bench-tls bench-auth ## measure everything, each part beside its peer or its floor
bench-json: build ## MB/s of the JSON reader over the bench bundles (../shared), beside yyjson
	@OUT=$(OUT) tests/bench/json/bench
bench-validator: build oracle-image ## the validator beside the Java core: CPU per bundle, threads, memory, first verdict
	@OUT=$(OUT) tests/bench/validator
bench-r4-cases: build ## how many of the public R4 validator cases get the same number of errors (../shared)
	@OUT=$(OUT) tests/bench/r4_cases
bench-replay: build ## COUNT=100000 documents live on the bulk lane, then replayed to validate: throughput, memory, interactive p99
	@OUT=$(OUT) tests/bench/replay $(or $(COUNT),100000)
.PHONY: bench-replay
# The floors are without TLS, so the stack is, too; the next `make up` brings it back.
bench-pipeline: export FHIRBUS_BROKER_TLS := 0
bench-pipeline: up ## the running stack, and the floors it stands on
	@tests/bench/pipeline

# Workers that die when a document tells them to; the poison test runs them.
FAULTY := validator lake-submitter
faulty_obj = $(patsubst %.c,$(OUT)/obj/faults/%.o,services/$(1)/main.c $(call service_src,$(1))) $(SAN_OBJ)
programs: $(FAULTY:%=$(BIN)/fhirbus-%-faults)
$(OUT)/obj/faults/%.o: %.c | $(PROTO_HDR)
	@mkdir -p $(@D)
	$(call say,compile,$<)$(CC) $(CPPFLAGS) -DFHIRBUS_FAULTS $(CFLAGS) $(SYS) -MMD -MP -c $< -o $@
define faulty_rules
$(BIN)/fhirbus-$(1)-faults: $(call faulty_obj,$(1)) $(ARCHIVES)
	@mkdir -p $$(@D)
	$$(call say,link,$$@)$$(CC) $$(LSAN) $$(LINK) $(call faulty_obj,$(1)) -Wl,--start-group $$(ARCHIVES) -Wl,--end-group $$(LIBS) -o $$@
endef
$(foreach s,$(FAULTY),$(eval $(call faulty_rules,$(s))))
bench-tls: up ## TLS handshakes of the running stack, whole and resumed, beside a bare libmicrohttpd
	@tests/bench/tls
bench-auth: up ## CPU a request of authentication and limits, beside nobody's requests to the same route
	@tests/bench/auth
.PHONY: bench-auth
bench-audit: up ## CPU a request of the audit trail, in ingest and in the persister that keeps it
	@tests/bench/audit
.PHONY: bench-audit
bench-fhirpath: programs ## FHIRPath beside npm fhirpath: evaluations per CPU-second, ns of ele-1, allocations
	@OUT=$(OUT) tests/bench/fhirpath/bench
.PHONY: bench-diagnostics
bench-diagnostics: programs ## COUNT=N interactions (1000000): what the diagnostics pages ask, its plans; over HTTPS; first paint in Chromium (PARTS, KEEP=1)
	@OUT=$(OUT) tests/bench/diagnostics/bench
