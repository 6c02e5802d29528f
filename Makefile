# libscorepkernel: one Makefile, no recursion. `make help` lists the targets.
#
#   make demo                            install what is missing, build, run the example notebook
#   make check SANITIZE=address,undefined
#   make tracer PYTHONS="python3.9 /opt/py/bin/python3"    the built-in tracer for other Pythons
#
# Objects and the runnable tree lie under build/<variant>/; the tree has the layout of an installation, so
# that everything finds its parts relative to itself, installed or not.

VERSION   := 0.1.0
PREFIX    ?= /usr/local
DESTDIR   ?=
PYTHON    ?= /usr/bin/python3
PYTHONS   ?= $(PYTHON)
SANITIZE  ?=
WERROR    ?=
V         ?=

comma   := ,
VARIANT := $(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),release)
BUILD   := build/$(VARIANT)
TREE    := $(BUILD)/tree
OBJ     := $(BUILD)/obj
Q       := $(if $(V),,@)

CC  ?= cc
CXX ?= c++

WARN_BOTH := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings \
             -Wformat=2 -Wundef -Wvla -Wnull-dereference -Wswitch-enum $(if $(WERROR),-Werror)
WARN_C    := $(WARN_BOTH) -Wstrict-prototypes -Wmissing-prototypes
# xeus, cppzmq and nlohmann-json are included as system headers: their warnings are not ours to mend.
WARN_CXX  := $(WARN_BOTH)

SAN_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
# Fortified glibc entry points hide bugs from AddressSanitizer, and need optimisation.
HARDEN    := -fvisibility=hidden -fstack-protector-strong $(if $(SANITIZE),,-D_FORTIFY_SOURCE=3)
# A file is included by its folder: "wire/frame.h", "shim/host/shell.h".
INCLUDES  := -Ilibscorepkernel/include -Ilibscorepkernel -I.
BASE      := -O2 -g -fPIC -MMD -MP $(HARDEN) $(SAN_FLAGS) -DSCOREPKERNEL_VERSION='"$(VERSION)"' \
             $(INCLUDES) -D_GNU_SOURCE
ALL_CFLAGS   = -std=c11 $(BASE) $(WARN_C) $(CFLAGS)
ALL_CXXFLAGS = -std=c++17 $(BASE) $(WARN_CXX) $(CXXFLAGS)
ALL_LDFLAGS  = $(SAN_FLAGS) -Wl,-z,defs,-z,relro,-z,now $(LDFLAGS)

# --- what is built ------------------------------------------------------------------------------------

# The C sources of folders within libscorepkernel/.
sources = $(wildcard $(1:%=libscorepkernel/%/*.c))
objects = $(patsubst %.c,$(OBJ)/%.o,$(patsubst %.cpp,$(OBJ)/%.o,$(1)))

BASE_SRC   := $(call sources,base) libscorepkernel/base/json_bridge.cpp
WIRE_SRC   := $(call sources,wire)
# A Python process as its runner sees it: the session's worker to the library, each rank's to the ranks program.
RUNNER_SRC := $(BASE_SRC) $(WIRE_SRC) $(call sources,process)
LIB_SRC    := $(RUNNER_SRC) $(call sources,directives profile report report/views session)
KEEPER_SRC := $(call sources,keeper) $(WIRE_SRC) libscorepkernel/base/buffer.c
RANKS_SRC  := $(call sources,ranks) $(RUNNER_SRC)
HTML_SRC   := $(call sources,html report report/views profile) $(BASE_SRC)
HOST_SRC   := $(wildcard shim/*.c shim/*/*.c shim/*/*.cpp) libscorepkernel/base/json_bridge.cpp
# The provider is an object of its own, which Score-P's libraries need.
PROVIDER_SRC := libscorepkernel/scorep/provider.c
SCOREP_SRC := $(filter-out $(PROVIDER_SRC),$(call sources,scorep))
TRACER_SRC := $(call sources,tracer/record tracer/otf2 tracer/python tracer/sampling tracer/reading tracer/module profile) $(SCOREP_SRC)
TRACER_HDR := $(wildcard $(patsubst %,libscorepkernel/%/*.h,base wire profile scorep tracer/record tracer/otf2 tracer/python tracer/sampling tracer/reading tracer/module))
WORKER_SRC := $(shell find libscorepkernel/worker -name '*.py' | LC_ALL=C sort)

LIB_OBJ    := $(call objects,$(LIB_SRC))
KEEPER_OBJ := $(call objects,$(KEEPER_SRC))
RANKS_OBJ  := $(call objects,$(RANKS_SRC))
HTML_OBJ   := $(call objects,$(HTML_SRC))
HOST_OBJ   := $(call objects,$(HOST_SRC))

HOST    := $(TREE)/bin/scorepkernel
LIB     := $(TREE)/lib/libscorepkernel.so
PRIVATE := $(TREE)/lib/scorepkernel
KEEPER  := $(PRIVATE)/scorepkernel-keeper
RANKS   := $(PRIVATE)/scorepkernel-ranks
HTML    := $(PRIVATE)/scorepkernel-html
PROVIDER := $(PRIVATE)/libscorepkernel-subsystems.so
WORKER  := $(WORKER_SRC:libscorepkernel/worker/%=$(PRIVATE)/worker/spk_worker/%) \
           $(patsubst %,$(PRIVATE)/worker/spk_worker/%,base/frame_numbers.py directives/table.py)
# What an earlier build copied, and is no source any more, would be imported or installed all the same.
STALE   := $(filter-out $(WORKER),$(shell find $(PRIVATE)/worker -name '*.py' 2>/dev/null))
LOGOS   := $(patsubst kernelspec/%,$(PRIVATE)/kernelspec/%,$(wildcard kernelspec/*.png kernelspec/*.svg))
EMBED   := $(BUILD)/embed/host

XEUS_LIBS := -lxeus -lzmq -luuid
# Linked in, and hidden: a process may also hold the OTF2 that a Score-P brought along. Dynamic where there is
# no static OTF2 that a shared object can hold, which a trial link tells.
OTF2_CFLAGS = $(shell pkg-config --cflags otf2 2>/dev/null | sed 's/-I/-isystem /g')
OTF2_STATIC = $(wildcard $(shell $(CC) -print-file-name=libopen-trace-format2.a))
OTF2_TRIAL  = $(CC) -shared -o "$$t" -Wl,--whole-archive $(OTF2_STATIC) -Wl,--no-whole-archive
OTF2_HIDDEN = $(if $(OTF2_STATIC),$(shell t=$$(mktemp) && { $(OTF2_TRIAL) 2>/dev/null && echo yes; rm -f "$$t"; }))
OTF2_LIBS   = $(if $(OTF2_HIDDEN),$(OTF2_STATIC) -Wl$(comma)--exclude-libs$(comma)ALL,$(shell pkg-config --libs otf2)) \
              -Wl,--wrap=fopen,--wrap=gethostid,--wrap=malloc

.PHONY: all help tracer remove-stale
all: $(BUILD)/.ready $(if $(STALE),remove-stale) $(HOST) $(LIB) $(KEEPER) $(RANKS) $(HTML) $(PROVIDER) $(WORKER) $(LOGOS) $(EMBED) tracer
.DEFAULT_GOAL := all

# Say what to do before the compiler says something else.
$(BUILD)/.ready:
	@mkdir -p $(@D)
	@echo '#include <xeus/xeus.hpp>\n#include <nlohmann/json.hpp>\n#include <otf2/otf2.h>' | sed 's/\\n/\n/g' | \
	  $(CXX) -E -x c++ - >/dev/null 2>&1 || { echo 'What the build needs is not installed: run "make deps".' >&2; exit 1; }
	@touch $@
$(LIB_OBJ) $(KEEPER_OBJ) $(RANKS_OBJ) $(HTML_OBJ) $(HOST_OBJ): | $(BUILD)/.ready

help:
	@echo 'demo     install what is missing, build, run the example notebook, show where things are'
	@echo 'deps     install the Debian packages that are missing (lists them first)'
	@echo 'all      build into $(BUILD)        tracer   the built-in tracer for each of PYTHONS'
	@echo 'check    the test suite (check-unit, check-fault, check-abi, check-e2e are its parts)'
	@echo 'bench    measure, beside ipykernel  fuzz     FUZZ_SECONDS for each parser (60), FUZZ_JOBS at a time'
	@echo 'soak     1,500 measured cells       format   clang-format'
	@echo 'chaos    ROUNDS of random faults    SEED, FROM, SYSTEM: which'
	@echo 'lint     format, static analysis    messages   what users can be told, with its place'
	@echo 'install uninstall clean'
	@echo 'Variables: SANITIZE=address,undefined|thread  PYTHON  PYTHONS  PREFIX  DESTDIR  WERROR=1  V=1'

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC      $<')
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(OBJ)/%.o: %.cpp
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CXX     $<')
	$(Q)$(CXX) $(ALL_CXXFLAGS) -c -o $@ $<

$(LIB): $(LIB_OBJ) libscorepkernel/libscorepkernel.map
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CXX) -shared -Wl,-soname,libscorepkernel.so $(ALL_LDFLAGS) \
	  -Wl,--version-script=libscorepkernel/libscorepkernel.map -o $@ $(LIB_OBJ) -pthread

$(KEEPER): $(KEEPER_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(RANKS): $(RANKS_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ -pthread

$(HTML): $(HTML_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^

$(PROVIDER): $(PROVIDER_SRC)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -shared $(ALL_LDFLAGS) -o $@ $< -ldl

$(HOST): $(HOST_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(XEUS_LIBS) -ldl -pthread

$(EMBED): $(OBJ)/examples/embed/host.o
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -ldl

# Python's half of the tables that C includes.
$(PRIVATE)/worker/spk_worker/base/frame_numbers.py: libscorepkernel/wire/frames.def tools/make_tables.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/make_tables.py frames $< > $@.new && mv -f $@.new $@
$(PRIVATE)/worker/spk_worker/directives/table.py: libscorepkernel/directives/directives.def tools/make_tables.py \
  $(wildcard libscorepkernel/directives/help/*.txt)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/make_tables.py directives $< > $@.new && mv -f $@.new $@

$(PRIVATE)/worker/spk_worker/%.py: libscorepkernel/worker/%.py
	@mkdir -p $(@D)
	$(Q)cp $< $@

remove-stale:
	$(Q)rm -f $(STALE)

$(PRIVATE)/kernelspec/%: kernelspec/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# One build of the tracer for each Python up to 3.11, and one for all later ones, of the stable ABI. The file
# name carries the ABI, so that many lie side by side, and each Python finds the one it can load. Renamed into
# place, since a Python may have the older one loaded. Python's own -I directories are system headers: their
# warnings are not ours to mend.
TRACER_ABI := import sys, sysconfig as s; print(".abi3.so" if sys.version_info >= (3, 12) and not \
              s.get_config_var("Py_GIL_DISABLED") else s.get_config_var("EXT_SUFFIX"))
TRACER_INC := import sysconfig as s; print("-isystem", s.get_path("include"), "-isystem", s.get_path("platinclude"))
TRACERS    :=
define tracer_rules
TRACER_SUFFIX_$(1) := $$(shell $(2) -c '$(TRACER_ABI)' 2>/dev/null)
TRACER_$(1) := $(PRIVATE)/worker/spk_worker/_tracer$$(TRACER_SUFFIX_$(1))
tracer: $$(TRACER_$(1))
ifeq ($$(filter $$(TRACER_$(1)),$$(TRACERS)),)
TRACERS += $$(TRACER_$(1))
$$(TRACER_$(1)): $(TRACER_SRC) $(TRACER_HDR)
	@test -n '$$(TRACER_SUFFIX_$(1))' || { echo 'no usable Python at $(2): set PYTHONS' >&2; exit 1; }
	@mkdir -p $$(@D)
	$(if $(V),,@echo '  TRACER  $$@')
	$(Q)$(CC) $$(filter-out -MMD -MP,$$(ALL_CFLAGS)) -shared $$(ALL_LDFLAGS) -Wl,-z,undefs \
	  $$$$($(2) -c '$(TRACER_INC)') $$(OTF2_CFLAGS) -o $$@.new $(TRACER_SRC) $$(OTF2_LIBS)
	$(Q)mv -f $$@.new $$@
endif
endef
$(foreach p,$(PYTHONS),$(eval $(call tracer_rules,$(subst /,_,$(p)),$(p))))

# --- what is needed -----------------------------------------------------------------------------------

DEPS_BUILD := gcc g++ make pkg-config xeus-dev uuid-dev nlohmann-json3-dev libopen-trace-format2-dev python3-dev
DEPS_RUN   := otf2-tools python3-ipython python3-cloudpickle python3-matplotlib python3-numpy \
              python3-jupyter-client jupyter-client jupyter-nbconvert
DEPS_TEST  := python3-jupyter-kernel-test python3-ipykernel python3-dill python3-pandas python3-otf2 procps
DEPS_FUZZ  := clang libclang-rt-14-dev
DEPS_LINT  := clang clang-format clang-tidy cppcheck mypy python3-flake8

# Each is asked for by itself, so that what is there is left alone. Where there is no dpkg, the linker and Python
# say what is missing.
define install_missing
	@command -v dpkg-query >/dev/null || { echo 'not a Debian system: see README.md for what is needed'; exit 0; }; \
	missing=; for name in $(1); do \
	  dpkg-query -W -f '$${db:Status-Status}' $$name 2>/dev/null | grep -qx installed || missing="$$missing $$name"; done; \
	test -n "$$missing" || exit 0; \
	echo "installing:$$missing"; \
	as=; test "$$(id -u)" = 0 || as=sudo; \
	test -z "$$as" || command -v sudo >/dev/null || { echo "as root: apt-get install$$missing" >&2; exit 1; }; \
	$$as apt-get -o DPkg::Lock::Timeout=600 update -q && \
	$$as env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -q -y \
	    --no-install-recommends $$missing
endef

.PHONY: deps deps-demo deps-fuzz deps-lint
deps:
	$(call install_missing,$(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST))
deps-demo:
	$(call install_missing,$(DEPS_BUILD) $(DEPS_RUN))
deps-fuzz:
	$(call install_missing,$(DEPS_FUZZ))
deps-lint:
	$(call install_missing,$(DEPS_LINT))

# The set-up comes first, in a make of its own: what it installs decides how the rest is built.
.PHONY: demo
demo: deps-demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)rm -rf build/demo
	$(Q)$(PYTHON) examples/demo.py $(TREE) examples/heat.ipynb build/demo

# --- installing ---------------------------------------------------------------------------------------

INSTALLED := $(DESTDIR)$(PREFIX)
define PKG_CONFIG_FILE
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$${prefix}/lib

Name: scorepkernel
Description: Notebook sessions whose cells run under measurement
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -lscorepkernel
endef
export PKG_CONFIG_FILE

# Readable by everybody, whatever the umask was in building; one byte code for each Python that the tracer is for.
.PHONY: install uninstall
install: all
	install -d '$(INSTALLED)/bin' '$(INSTALLED)/include' '$(INSTALLED)/lib/pkgconfig'
	install -m 755 $(HOST) '$(INSTALLED)/bin/'
	install -m 644 libscorepkernel/include/scorepkernel.h '$(INSTALLED)/include/'
	install -m 755 $(LIB) '$(INSTALLED)/lib/'
	rm -rf '$(INSTALLED)/lib/scorepkernel'
	cp -R $(PRIVATE) '$(INSTALLED)/lib/scorepkernel'
	find '$(INSTALLED)/lib/scorepkernel' -name __pycache__ -prune -exec rm -rf {} +
	for python in $(PYTHONS); do \
	  "$$python" -m compileall -q -s '$(DESTDIR)' '$(INSTALLED)/lib/scorepkernel/worker' || exit 1; done
	chmod -R u+rwX,go+rX,go-w '$(INSTALLED)/lib/scorepkernel'
	@echo "$$PKG_CONFIG_FILE" > $(BUILD)/scorepkernel.pc
	install -m 644 $(BUILD)/scorepkernel.pc '$(INSTALLED)/lib/pkgconfig/'
	@test -n '$(DESTDIR)' || test "$$(id -u)" != 0 || ldconfig
	@echo 'Now tell Jupyter: $(PREFIX)/bin/scorepkernel install --python PYTHON'

uninstall:
	rm -f '$(INSTALLED)/bin/scorepkernel' '$(INSTALLED)/include/scorepkernel.h' \
	  '$(INSTALLED)/lib/libscorepkernel.so' '$(INSTALLED)/lib/pkgconfig/scorepkernel.pc'
	rm -rf '$(INSTALLED)/lib/scorepkernel'
	@echo 'What "scorepkernel install" told Jupyter stays: jupyter kernelspec remove scorep-python'

-include test/test.mk

.PHONY: clean
clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
