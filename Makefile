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
BASE      := -O2 -g -fPIC -MMD -MP $(HARDEN) $(SAN_FLAGS) -DSCOREPKERNEL_VERSION='"$(VERSION)"' \
             -Ilibscorepkernel/include -Ilibscorepkernel -Ishim -D_GNU_SOURCE
ALL_CFLAGS   = -std=c11 $(BASE) $(WARN_C) $(CFLAGS)
ALL_CXXFLAGS = -std=c++17 $(BASE) $(WARN_CXX) $(CXXFLAGS)
ALL_LDFLAGS  = $(SAN_FLAGS) -Wl,-z,defs,-z,relro,-z,now $(LDFLAGS)

# --- what is built ------------------------------------------------------------------------------------

KEEPER_SRC := libscorepkernel/keeper_main.c libscorepkernel/keeper_children.c
# Shared by the library and its keeper: the frames that they exchange.
WIRE_SRC   := libscorepkernel/buffer.c libscorepkernel/frame.c libscorepkernel/channel.c
LIB_SRC    := $(filter-out $(KEEPER_SRC),$(wildcard libscorepkernel/*.c))
SHIM_C     := $(wildcard shim/*.c)
SHIM_CXX   := $(wildcard shim/*.cpp)
TRACER_SRC := $(wildcard libscorepkernel/tracer/*.c)
WORKER_SRC := $(wildcard libscorepkernel/worker/*.py)

LIB_OBJ    := $(LIB_SRC:%.c=$(OBJ)/%.o) $(OBJ)/shim/json_bridge.o
KEEPER_OBJ := $(KEEPER_SRC:%.c=$(OBJ)/%.o) $(WIRE_SRC:%.c=$(OBJ)/%.o)
HOST_OBJ   := $(SHIM_C:%.c=$(OBJ)/%.o) $(SHIM_CXX:%.cpp=$(OBJ)/%.o)

HOST    := $(TREE)/bin/scorepkernel
LIB     := $(TREE)/lib/libscorepkernel.so
PRIVATE := $(TREE)/lib/scorepkernel
KEEPER  := $(PRIVATE)/scorepkernel-keeper
WORKER  := $(WORKER_SRC:libscorepkernel/worker/%=$(PRIVATE)/worker/spk_worker/%)
LOGOS   := $(patsubst kernelspec/%,$(PRIVATE)/kernelspec/%,$(wildcard kernelspec/*.png kernelspec/*.svg))
EMBED   := $(BUILD)/embed/host

XEUS_LIBS := -lxeus -lzmq -luuid
# Linked in, and hidden: a process may also hold the OTF2 that a Score-P brought along.
OTF2_CFLAGS = $(shell pkg-config --cflags otf2 2>/dev/null | sed 's/-I/-isystem /g')
OTF2_LIBS   = $(shell pkg-config --libs otf2 2>/dev/null)

.PHONY: all help tracer
all: $(HOST) $(LIB) $(KEEPER) $(WORKER) $(LOGOS) $(EMBED) tracer
.DEFAULT_GOAL := all

help:
	@echo 'demo     install what is missing, build, run the example notebook, show where things are'
	@echo 'deps     install the Debian packages that are missing (lists them first)'
	@echo 'all      build into $(BUILD)        tracer   the built-in tracer for each of PYTHONS'
	@echo 'check    the test suite (check-unit, check-fault, check-abi, check-e2e are its parts)'
	@echo 'bench    measure, beside ipykernel  fuzz     FUZZ_SECONDS for each parser (60)'
	@echo 'lint     format, static analysis    install uninstall clean'
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

$(HOST): $(HOST_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(XEUS_LIBS) -ldl -pthread

$(EMBED): $(OBJ)/examples/embed/host.o
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -ldl

$(PRIVATE)/worker/spk_worker/%.py: libscorepkernel/worker/%.py
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(PRIVATE)/kernelspec/%: kernelspec/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# One build of the tracer for each Python: its file name carries the Python's ABI, so that many lie side by
# side. Python's own -I directories are system headers: their warnings are not ours to mend.
define tracer_rules
TRACER_SUFFIX_$(1) := $$(shell $(2) -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))' 2>/dev/null)
TRACER_$(1) := $(PRIVATE)/worker/spk_worker/_tracer$$(TRACER_SUFFIX_$(1))
tracer: $$(TRACER_$(1))
$$(TRACER_$(1)): $(TRACER_SRC) $(wildcard libscorepkernel/tracer/*.h)
	@test -n '$$(TRACER_SUFFIX_$(1))' || { echo 'no usable Python at $(2): set PYTHONS' >&2; exit 1; }
	@mkdir -p $$(@D)
	$(if $(V),,@echo '  TRACER  $$@')
	$(Q)$(CC) $$(filter-out -Ilibscorepkernel%,$$(ALL_CFLAGS)) -MF $$(@:.so=.d) -shared $$(ALL_LDFLAGS) -Wl,-z,undefs \
	  $$$$($(2) -c 'import sysconfig as s; print("-isystem", s.get_path("include"), "-isystem", s.get_path("platinclude"))') \
	  $$$$(OTF2_CFLAGS) -o $$@ $(TRACER_SRC) $$(OTF2_LIBS)
endef
$(foreach p,$(PYTHONS),$(eval $(call tracer_rules,$(subst /,_,$(p)),$(p))))

-include test/test.mk

.PHONY: clean
clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
