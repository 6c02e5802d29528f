# How the tests are built and run. Included by the Makefile.

UNIT_SRC  := $(wildcard test/unit/*/test_*.c)
FAULT_SRC := $(wildcard test/fault/test_*.c)
FUZZ_SRC  := $(wildcard test/fuzz/fuzz_*.c)
ABI_SRC   := $(wildcard test/abi/test_*.c)
UNIT      := $(UNIT_SRC:%.c=$(BUILD)/%)
FAULT     := $(FAULT_SRC:%.c=$(BUILD)/%)
ABI       := $(ABI_SRC:%.c=$(BUILD)/%)
REPLAY    := $(FUZZ_SRC:%.c=$(BUILD)/%-replay)
ECHO      := $(BUILD)/test/abi/echo_plugin.so
E2E       := $(wildcard test/e2e/test_*.py)
ABI_PY    := $(wildcard test/abi/test_*.py)
TRACER_PY := $(wildcard test/tracer/test_*.py)
LINT_TESTS := $(wildcard test/lint/test_*.py)
WORKER_PY := $(wildcard test/worker/*/test_*.py)
CHAOS_PY  := $(wildcard test/chaos/test_*.py)
OUTSIDE   := $(wildcard test/outside/test_*.py)
REGISTRIES := $(wildcard test/registries/test_*.py)

# The library's own modules, with their inner names, for tests of one module.
INNER := $(BUILD)/inner.a
READER_SRC := libscorepkernel/tracer/otf2/rank_archive_reader.c libscorepkernel/tracer/reading/call_paths.c libscorepkernel/tracer/record/clock.c libscorepkernel/tracer/record/series.c libscorepkernel/tracer/record/filter.c $(call sources,tracer/sampling)
INNER_SRC := $(sort $(LIB_SRC) $(filter-out %/main.c,$(KEEPER_SRC) $(RANKS_SRC)) $(SCOREP_SRC) $(READER_SRC))
INNER_OBJ := $(call objects,$(INNER_SRC))
$(INNER): $(INNER_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

TEST_CFLAGS = -Itest

# Libraries that tests load: without the sanitizers, which would have something of their own beside each variable.
LOADED := $(patsubst %,$(BUILD)/test/unit/scorep/%.so,got_patch_target_lazy got_patch_target_now umbrella_left umbrella_right)
$(filter %_lazy.so,$(LOADED)): LOADED_FLAGS = -Wl,-z,lazy,-z,relro
$(filter %_now.so,$(LOADED)): LOADED_FLAGS = -Wl,-z,now,-z,relro
$(filter %_left.so,$(LOADED)): LOADED_FLAGS = -DLEFT
$(filter %_lazy.so %_now.so,$(LOADED)): test/unit/scorep/got_patch_target.c
$(filter %_left.so %_right.so,$(LOADED)): test/unit/scorep/umbrella_parts.c
$(LOADED):
	@mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $@')
	$(Q)$(CC) -std=c11 -O2 -g -fPIC $(WARN_C) -shared $(LOADED_FLAGS) -o $@ $<
$(patsubst %,$(BUILD)/test/%,unit/scorep/test_umbrella_object unit/scorep/test_got_patch unit/scorep/test_library_snapshot \
  fault/test_engine): $(LOADED)

# The host's modules, for tests of one of them: with the Jupyter channels, or with what stands in for them.
SHIM_INNER := $(BUILD)/shim.a
$(SHIM_INNER): $(filter-out %/main.o %/json_bridge.o,$(HOST_OBJ))
	$(Q)rm -f $@ && ar rcs $@ $^
SHIM_TESTS := $(patsubst %,$(BUILD)/test/%,unit/shim/test_log unit/shim/test_control fault/test_host fuzz/fuzz_connection-replay \
              fuzz/fuzz_jupyter-replay)
$(SHIM_TESTS): TEST_PARTS = $(SHIM_INNER) -Wl,--as-needed $(XEUS_LIBS) -Wl,--no-as-needed
$(SHIM_TESTS): $(SHIM_INNER)

$(BUILD)/test/unit/%: test/unit/%.c $(INNER)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $@')
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) $(SAN_FLAGS) -o $@ $< $(TEST_PARTS) $(INNER) -lstdc++ -ldl -pthread

# What the tracer is made of that needs no Python. With OTF2's shared library, whose own calls do not fail then.
TRACER_INNER := $(BUILD)/tracer.a
TRACER_OBJ := $(OBJ)/libscorepkernel/tracer/record/clock.o $(OBJ)/libscorepkernel/tracer/record/regions.o \
              $(call objects,$(filter-out %/otf2_libc.c %/rank_archive_reader.c,$(call sources,tracer/otf2)))
$(TRACER_OBJ): ALL_CFLAGS += $(OTF2_CFLAGS)
$(TRACER_INNER): $(TRACER_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
TRACER_TESTS := $(patsubst %,$(BUILD)/test/fault/%,test_archive test_merge)
$(TRACER_TESTS): TEST_CFLAGS += $(OTF2_CFLAGS)
$(TRACER_TESTS): TEST_PARTS = $(TRACER_INNER) $(shell pkg-config --libs otf2)
$(TRACER_TESTS): $(TRACER_INNER)

WRAPPED = $$(sed -n 's/^.*wrap: *//p' $< | tr ' ' '\n' | sed '/^$$/d;s/^/-Wl,--wrap=/')

# Each failing call is put in the way of the real one by the linker: the product carries no hook. A test names
# the calls that it fails in a line "// wrap: socket pipe2 ...".
$(BUILD)/test/fault/%: test/fault/%.c $(INNER)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $@')
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) $(SAN_FLAGS) -o $@ $< \
	  $(WRAPPED) $(TEST_PARTS) $(INNER) -lstdc++ -ldl -pthread

$(BUILD)/test/abi/%: test/abi/%.c $(LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $@')
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) $(SAN_FLAGS) -o $@ $< -ldl -pthread

$(ECHO): test/abi/echo_plugin.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $@')
	$(Q)$(CC) $(ALL_CFLAGS) -shared $(SAN_FLAGS) -o $@ $< -pthread

# Every fuzz target replays its corpus under the ordinary compiler; `make fuzz` goes on searching with libFuzzer.
$(BUILD)/test/fuzz/%-replay: test/fuzz/%.c test/fuzz/replay.c $(INNER)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $@')
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) $(SAN_FLAGS) -DFUZZ_CORPUS='"test/fuzz/corpus/$*"' -o $@ $< test/fuzz/replay.c \
	  $(WRAPPED) $(TEST_PARTS) $(INNER) -lstdc++ -ldl -pthread

RUN = PYTHON=$(PYTHON) SPK_TREE="$$PWD/$(TREE)" SPK_ECHO_PLUGIN="$$PWD/$(ECHO)" \
      SPK_SANITIZE=$(SANITIZE) $(TEST_ENV) $(PYTHON) test/run.py --tree $(TREE)

# Python itself is not instrumented: the runtime has to be there before the tracer that is, and what Python
# leaves allocated at its end is not ours. It looks for C++'s exceptions as it starts: greenlet has some.
ifneq ($(findstring address,$(SANITIZE)),)
TEST_ENV = ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0:abort_on_error=0:handle_segv=0:handle_abort=0 \
           LSAN_OPTIONS=suppressions="$$PWD/test/lsan.supp":print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1 \
           SPK_PRELOAD=$(shell $(CC) -print-file-name=libasan.so):$(shell $(CC) -print-file-name=libstdc++.so)
endif

.PHONY: check check-all check-lint-tests check-unit check-fault check-abi check-tracer check-e2e check-outside
check: deps
	$(Q)$(MAKE) --no-print-directory check-all
check-all: all $(UNIT) $(FAULT) $(ABI) $(REPLAY) $(ECHO)
	$(Q)$(RUN) $(LINT_TESTS) $(UNIT) $(REPLAY) $(FAULT) $(ABI) $(ABI_PY) $(TRACER_PY) $(WORKER_PY) $(E2E) $(CHAOS_PY) $(REGISTRIES) $(OUTSIDE)
# Quick, and needs no build: the directions of folders, and what the documents say of the code.
check-lint-tests:
	$(Q)$(RUN) $(LINT_TESTS)
check-unit: all $(UNIT) $(REPLAY)
	$(Q)$(RUN) $(UNIT) $(REPLAY)
check-fault: all $(FAULT) $(ECHO)
	$(Q)$(RUN) $(FAULT)
check-abi: all $(ABI) $(ECHO)
	$(Q)$(RUN) $(ABI) $(ABI_PY)
check-tracer: all
	$(Q)$(RUN) $(TRACER_PY)
check-e2e: all $(ECHO)
	$(Q)$(RUN) $(E2E)
# Others' public test suites against this kernel: SPK_BINDINGS_SUITE and SPK_EXISTING_KERNEL name checkouts of them.
check-outside: all
	$(Q)$(RUN) $(OUTSIDE)

# Searching for inputs that break a parser: clang, libFuzzer and both sanitizers. The sources are compiled once, for all
# targets. What a target finds lies under build/fuzz/found/, and is tried again first the next time.
FUZZ_SECONDS ?= 60
FUZZ_JOBS    ?= 1
FUZZ_BIN   := $(FUZZ_SRC:test/fuzz/%.c=build/fuzz/%)
FUZZ_PARTS := build/fuzz/parts.a
FUZZ_OBJ   := $(patsubst %,build/fuzz/obj/%.o,$(basename $(INNER_SRC) $(filter-out %/main.c %/json_bridge.cpp,$(HOST_SRC))))
FUZZ_FLAGS := -O1 -g -MMD -MP -D_GNU_SOURCE -DSCOREPKERNEL_VERSION='"$(VERSION)"' -fno-sanitize-recover=undefined \
              $(INCLUDES)
build/fuzz/obj/%.o: %.c | deps-fuzz
	@mkdir -p $(@D)
	$(if $(V),,@echo '  FUZZ    $<')
	$(Q)clang -std=c11 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<
build/fuzz/obj/%.o: %.cpp | deps-fuzz
	@mkdir -p $(@D)
	$(if $(V),,@echo '  FUZZ    $<')
	$(Q)clang++ -std=c++17 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr,function -c -o $@ $<
$(FUZZ_PARTS): $(FUZZ_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
build/fuzz/%: test/fuzz/%.c $(FUZZ_PARTS)
	$(if $(V),,@echo '  FUZZ    $@')
	$(Q)clang -std=c11 $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -Itest -o $@ $< $(WRAPPED) $(FUZZ_PARTS) \
	  -Wl,--as-needed $(XEUS_LIBS) -Wl,--no-as-needed -lstdc++ -ldl -pthread

.PHONY: fuzz
fuzz: $(FUZZ_BIN)
	$(Q)test/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_JOBS) $(FUZZ_BIN)

.PHONY: bench
bench: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(PYTHON) test/bench/bench.py $(TREE) $(BENCH_FLAGS)

# --- lint ---------------------------------------------------------------------------------------------

LINT_C   := $(wildcard libscorepkernel/*/*.c libscorepkernel/*/*/*.c shim/*.c shim/*/*.c examples/embed/*.c)
LINT_CXX := $(wildcard libscorepkernel/*/*.cpp shim/*/*.cpp)
LINT_ALL := $(LINT_C) $(LINT_CXX) $(wildcard $(patsubst %,libscorepkernel/%,*/*.h */*.hpp */*/*.h) shim/*/*.h shim/*/*.hpp)
LINT_PY  := libscorepkernel/worker examples test tools
LINT_DEF := -D_GNU_SOURCE -DSCOREPKERNEL_VERSION='"$(VERSION)"' $(INCLUDES)
PY_INC   := $(shell $(PYTHON) -c 'import sysconfig as s; print("-isystem", s.get_path("include"))' 2>/dev/null)

# Every message that users can see, with its place.
.PHONY: messages
messages:
	$(Q)$(PYTHON) test/lint/messages.py

.PHONY: lint format
lint: deps-lint all
	$(if $(V),,@echo '  LINT    directions')
	$(Q)$(PYTHON) test/lint/c_directions.py
	$(Q)$(PYTHON) test/lint/python_directions.py $(PRIVATE)/worker/spk_worker
	$(if $(V),,@echo '  LINT    clang-format')
	$(Q)clang-format --dry-run -Werror $(LINT_ALL)
	$(if $(V),,@echo '  LINT    clang-tidy')
	$(Q)clang-tidy --quiet $(LINT_C) -- -std=c11 $(LINT_DEF) $(PY_INC) 2>/dev/null
	$(if $(V),,@echo '  LINT    clang-tidy')
	$(Q)clang-tidy --quiet $(LINT_CXX) -- -std=c++17 $(LINT_DEF) 2>/dev/null
	$(if $(V),,@echo '  LINT    cppcheck')
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  --suppress=missingIncludeSystem -DPY_VERSION_HEX=0x030b0000 '-DPy_RETURN_NONE=return 0' $(LINT_DEF) $(LINT_C)
	$(if $(V),,@echo '  LINT    gcc -fanalyzer')
	$(Q)for file in $(filter-out libscorepkernel/tracer/%,$(LINT_C)); do \
	  $(CC) -std=c11 -O1 -fanalyzer -Werror $(LINT_DEF) -c -o /dev/null $$file || exit 1; done
	$(if $(V),,@echo '  LINT    mypy')
	$(Q)MYPYPATH=$(PRIVATE)/worker mypy --python-version 3.9 --ignore-missing-imports --check-untyped-defs \
	  $(PRIVATE)/worker/spk_worker examples/demo.py test/run.py test/bench/bench.py
	$(if $(V),,@echo '  LINT    flake8')
	$(Q)$(PYTHON) -m flake8 $(LINT_PY)

format:
	clang-format -i $(LINT_ALL)

# 1,500 measured cells in one notebook; prints what was used after the fiftieth and after the last.
.PHONY: soak
soak: all
	$(Q)SPK_TREE="$$PWD/$(TREE)"; export SPK_TREE; cd test/e2e && SPK_SOAK=1500 PYTHON=$(PYTHON) $(PYTHON) -W ignore::ResourceWarning -m unittest -v test_soak

# ROUNDS random operations against random signals to random processes; SEED, FROM and SYSTEM as its first line names them.
.PHONY: chaos
chaos: all
	$(Q)SPK_TREE="$$PWD/$(TREE)" PYTHON=$(PYTHON) $(PYTHON) -W ignore::ResourceWarning test/chaos/chaos.py

# For editors, and for clang's tools.
.PHONY: reference
reference:
	$(Q)$(PYTHON) tools/make_tables.py reference libscorepkernel/directives/directives.def > docs/DIRECTIVES.md

.PHONY: compile_commands.json
compile_commands.json:
	$(Q)$(PYTHON) tools/compile_commands.py $(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(PY_INC) $(OTF2_CFLAGS) -- \
	  $(CXX) $(filter-out -MMD -MP,$(ALL_CXXFLAGS)) -- $(LINT_C) $(LINT_CXX) $(wildcard test/unit/*/*.c) > $@
