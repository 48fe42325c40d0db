# fhirbus: everything is made from here. `make help` lists the targets.
#
# Sources are found, not listed: a new folder under common/ or services/ is a new archive, a new
# tests/unit/<path>/x_test.c a new test program, a new tools/<name>/ a new program.
SHELL := /bin/bash
CC    ?= gcc
comma := ,
# One word and the file for each step; V=1 shows the commands.
say    = $(if $(V),,@printf '  %-7s %s\n' $(1) $(patsubst $(OUT)/%,%,$(2));)
OUT   := build/$(or $(subst $(comma),-,$(SAN)),release)$(if $(FAULTS),-faults)
BIN   := $(OUT)/bin
GEN   := build/gen

WARN := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes \
  -Wmissing-prototypes -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wnull-dereference \
  -Wduplicated-cond -Wlogical-op -Wimplicit-fallthrough -Werror
# Sanitized builds take a third less time to make with -O1, and report lines that are nearer.
HARD := $(if $(SAN),-O1,-O2) -fstack-protector-strong -fstack-clash-protection -fPIE
# Fortify and the sanitizers check the same calls; together they hide each other's reports.
# What gcc says there of null pointers, uninitialized values and sizes is often wrong.
ifeq ($(SAN),)
HARD += -D_FORTIFY_SOURCE=3
else
HARD += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -g \
  -Wno-error=null-dereference -Wno-error=maybe-uninitialized -Wno-error=stringop-overread \
  -Wno-error=stringop-overflow -Wno-error=array-bounds -Wno-error=format-truncation
# The undefined-behaviour sanitizer of gcc 12 heeds its log_path (tests/run) only when it shares a static one's.
LSAN := -fsanitize=$(SAN) $(if $(findstring address,$(SAN)),-static-libasan) $(if $(findstring undefined,$(SAN)),-static-libubsan)
endif
# Threads made by C11's functions are nothing that ThreadSanitizer of gcc 12 knows: see there.
ifeq ($(SAN),thread)
SAN_OBJ := $(OUT)/obj/tests/sanitizers/c11_threads.o
endif
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
CPPFLAGS += -I. -I$(GEN) -D_GNU_SOURCE -include common/base/banned.h
CFLAGS   += -std=c17 -g $(HARD) $(WARN)
# FAULTS=1: workers that die or hang when a document tells them to; only for the poison tests.
ifneq ($(FAULTS),)
CPPFLAGS += -DFHIRBUS_FAULTS
endif
LIBS := -lmicrohttpd -lrdkafka -ljansson -lpq -lcurl -lprotobuf-c -lgnutls -larchive \
  -lpcre2-8 -largon2 -lzstd -lz -lxxhash -lxml2 -lpthread -lm -ldl
SYS  := -isystem /usr/include/postgresql -isystem /usr/include/libxml2

.DEFAULT_GOAL := help

# --- what there is -----------------------------------------------------------------------------
COMMON_SRC  := $(sort $(shell find common -name '*.c'))
ENGINE_SRC  := $(sort $(shell find services/validator/engine -name '*.c' 2>/dev/null))
SERVICES    := $(sort $(patsubst services/%/main.c,%,$(wildcard services/*/main.c)))
TOOLS       := $(sort $(patsubst tools/%/main.c,%,$(wildcard tools/*/main.c)))
CLIS        := $(sort $(wildcard services/validator/cli/*.c))
PROTO       := $(wildcard proto/*.proto)
PROTO_SRC   := $(PROTO:%.proto=$(GEN)/%.pb-c.c)
UNIT_SRC    := $(sort $(shell find tests/unit tests/integration -name '*_test.c' 2>/dev/null))
FUZZ_SRC    := $(sort $(wildcard tests/fuzz/*_fuzz.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
# Programs that only tests and benchmarks start: tests/programs/<name>.c
TEST_PROG_SRC := $(sort $(wildcard tests/programs/*.c))

obj = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
service_src = $(filter-out services/$(1)/main.c services/$(1)/engine/% services/$(1)/cli/%,$(sort $(shell find services/$(1) -name '*.c')))

LIB_COMMON := $(OUT)/lib/libcommon.a
LIB_ENGINE := $(OUT)/lib/libfhirvalidator.a
LIB_PROTO  := $(OUT)/lib/libproto.a
LIB_SUPPORT := $(OUT)/lib/libsupport.a
LIB_SERVICES := $(SERVICES:%=$(OUT)/lib/libservice-%.a)
ARCHIVES := $(LIB_ENGINE) $(LIB_COMMON) $(if $(PROTO),$(LIB_PROTO))

PROGRAMS := $(SERVICES:%=$(BIN)/fhirbus-%) $(TOOLS:%=$(BIN)/%) \
  $(foreach c,$(CLIS),$(BIN)/$(subst _,-,$(basename $(notdir $(c)))))
UNIT_BIN := $(UNIT_SRC:tests/%.c=$(OUT)/tests/%)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/fuzz/%)
TEST_PROG_BIN := $(TEST_PROG_SRC:tests/programs/%.c=$(BIN)/%)

# --- targets for people ------------------------------------------------------------------------
.PHONY: help build test lint bench soak fuzz clean up down status deps oracle-image format programs unit engine
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n",$$1,$$2}' $(MAKEFILE_LIST)
	@echo "  SAN=address,undefined | SAN=thread builds and tests under sanitizers, in a folder of its own"

build: deps ## build every service, tool and command line into build/release/bin
	@$(MAKE) --no-print-directory -j$$(nproc) programs
programs: $(PROGRAMS) $(TEST_PROG_BIN)
unit: $(UNIT_BIN) $(FUZZ_BIN)
engine: $(LIB_ENGINE) $(filter $(BIN)/fhir%,$(filter-out $(BIN)/fhirbus-%,$(PROGRAMS)))

deps: ## install what is missing: Debian packages, Kafka's jars, FHIR packages
	@tools/setup/install

test: deps ## run every test; ends with a line "N passed, N failed"
	@tools/setup/install test
	@$(MAKE) --no-print-directory -j$$(nproc) programs unit SAN=$(SAN)
	@[ ! -d ../shared/packages ] || $(MAKE) --no-print-directory oracle-image SAN=$(SAN)
	@OUT=$(OUT) tests/run

format: ## rewrite the sources with clang-format
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what the build made; the stack's data (.run) stays
	@rm -rf build

-include tests/targets.mk

# --- how it is made ----------------------------------------------------------------------------
$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: %.proto
	@mkdir -p $(GEN)
	$(call say,proto,$<)protoc-c --c_out=$(GEN) $<
PROTO_HDR := $(PROTO_SRC:.c=.h)

$(OUT)/obj/$(GEN)/%.o: $(GEN)/%.c | $(PROTO_HDR)
	@mkdir -p $(@D)
	$(call say,compile,$<)$(CC) -std=c17 -g -O2 -fPIE $(LSAN) -I$(GEN) -c $< -o $@
# A test that follows a null pointer fails, as it should.
$(OUT)/obj/tests/%.o: WARN += -Wno-null-dereference
$(OUT)/obj/%.o: %.c | $(PROTO_HDR)
	@mkdir -p $(@D)
	$(call say,compile,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(SYS) -MMD -MP -c $< -o $@

$(LIB_COMMON): $(call obj,$(COMMON_SRC))
$(LIB_ENGINE): $(call obj,$(ENGINE_SRC))
$(LIB_PROTO): $(PROTO_SRC:%.c=$(OUT)/obj/%.o)
$(LIB_SUPPORT): $(call obj,$(SUPPORT_SRC))
define service_rules
$(OUT)/lib/libservice-$(1).a: $(call obj,$(call service_src,$(1)))
$(BIN)/fhirbus-$(1): $(call obj,services/$(1)/main.c) $(OUT)/lib/libservice-$(1).a $(ARCHIVES)
endef
$(foreach s,$(SERVICES),$(eval $(call service_rules,$(s))))
# The SQL of fhirbus-migrate is built in.
MIGRATIONS := $(sort $(wildcard services/persister/migrations/*.sql))
# The folder too: one that is given another number keeps its time.
$(GEN)/migrations.inc: tools/fhirbus-migrate/embed.awk $(MIGRATIONS) services/persister/migrations
	@mkdir -p $(GEN)
	@awk -f $< $(MIGRATIONS) > $@
$(OUT)/obj/tools/fhirbus-migrate/migrations.o: $(GEN)/migrations.inc

# The diagnostics pages are built by npm and built in.
WEB     := services/ingest/web
WEB_SRC := $(shell find $(WEB) -type f -not -path '*/node_modules/*' -not -path '*/test/*' 2>/dev/null)
.PHONY: web
web: build/web/.built ## build the diagnostics pages (npm) into build/web
build/web-modules.stamp: $(WEB)/package-lock.json
	@mkdir -p build
	$(call say,npm,$<)cd $(WEB) && npm ci --silent
	@touch $@
build/web/.built: build/web-modules.stamp $(WEB_SRC)
	$(call say,web,$@)cd $(WEB) && npm run --silent build >$(CURDIR)/build/web.log 2>&1 || { cat $(CURDIR)/build/web.log; exit 1; }
	@touch $@
$(GEN)/pages/pages.inc: services/ingest/pages/embed.mjs build/web/.built
	@mkdir -p $(GEN)
	@node services/ingest/pages/embed.mjs build/web $(GEN)/pages
$(OUT)/obj/services/ingest/pages/pages.o: $(GEN)/pages/pages.inc

# The rules that are in force until others are published are built in.
$(GEN)/rules_default.inc: common/rules/default.json
	@mkdir -p $(GEN)
	@sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' $< > $@
$(OUT)/obj/common/rules/default.o: $(GEN)/rules_default.inc

# The schemas of /openapi.json are built in: a C string for each file.
API_SCHEMAS := $(sort $(wildcard services/ingest/describe/*.json))
$(GEN)/openapi_schemas.inc: $(API_SCHEMAS)
	@mkdir -p $(GEN)
	@for file in $^; do sed 's/\\/\\\\/g; s/"/\\"/g; s/^ *//; s/.*/"&"/' $$file; echo ,; done > $@
$(OUT)/obj/services/ingest/describe/openapi.o: $(GEN)/openapi_schemas.inc

define tool_rules
$(BIN)/$(1): $(call obj,$(sort $(wildcard tools/$(1)/*.c))) $(ARCHIVES)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rules,$(t))))
# Rules are tried by the services' own code.
$(BIN)/fhirbus-rules: $(OUT)/lib/libservice-validator.a $(OUT)/lib/libservice-lake-submitter.a
# A command line is cli/<name>.c and what lies in cli/<name>/.
define cli_rules
$(BIN)/$(subst _,-,$(basename $(notdir $(1)))): $(call obj,$(1) $(sort $(wildcard $(basename $(1))/*.c))) $(ARCHIVES)
endef
$(foreach c,$(CLIS),$(eval $(call cli_rules,$(c))))

%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

$(PROGRAMS): $(SAN_OBJ)
	@mkdir -p $(@D)
	$(call say,link,$@)$(CC) $(LSAN) $(LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -o $@

$(TEST_PROG_BIN): $(BIN)/%: $(OUT)/obj/tests/programs/%.o $(SAN_OBJ) $(LIB_SUPPORT) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,link,$@)$(CC) $(LSAN) $(LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -o $@

$(UNIT_BIN): $(OUT)/tests/%: $(OUT)/obj/tests/%.o $(SAN_OBJ) $(LIB_SUPPORT) $(LIB_SERVICES) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,link,$@)$(CC) $(LSAN) $(LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -lcmocka -o $@

# A fuzz target under gcc: the corpus is replayed by `make test`. `make fuzz` builds it with clang.
$(FUZZ_BIN): $(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%.o $(OUT)/obj/tests/fuzz/replay.o $(SAN_OBJ) $(LIB_SUPPORT) $(LIB_SERVICES) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,link,$@)$(CC) $(LSAN) $(LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -o $@

.SECONDARY:
-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
