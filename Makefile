# SPDX-License-Identifier: Apache-2.0
# The words people type. Meson and Ninja do the work: see meson.build and tools/.
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
export PEERS DATA CALIBRATE
export BUILD := build

.PHONY: all help deps deps-build demo test check-all venv bench fuzz install deb clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet
	@echo "built $(BUILD)/sizeup"

## make            release build: build/sizeup, the library, the headers
## make deps       install what is missing from Debian's packages
## make demo       count a real net, measure this machine, predict the one on the other
## make test       all tests
## make check-all  all tests, the sanitizers of gcc too, and a minute of fuzzing per target
## make bench      how fast the program is, whether its measurements and predictions stand up (an
##                 hour; CALIBRATE=no: without predictions); PEERS=1: others too; DATA=FOLDER:
##                 tables of GPU kernels
## make fuzz       fuzz every target for FUZZ_SECONDS (60)
## make install    to PREFIX (/usr/local), below DESTDIR
## make deb        Debian packages in build/deb, tried in a folder of their own
## make clean      remove build/
help:
	@sed -n 's/^## //p' Makefile

deps:
	@tools/install-deps build test clang
deps-build:
	@tools/install-deps build

$(BUILD)/build.ninja:
	@tools/configure.sh $(BUILD)

demo: deps-build
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)/sizeup

test: deps venv
	@tools/test.sh release clang

check-all: deps venv
	@tools/test.sh release clang asan
	@tools/fuzz.sh $(FUZZ_SECONDS)

venv: deps
	@tools/make-venv.sh $(BUILD)/venv

bench: deps-build
	@$(MAKE) --no-print-directory all
	@bench/run.sh $(BUILD)/sizeup

fuzz: deps
	@tools/fuzz.sh $(FUZZ_SECONDS)

install:
	@tools/configure.sh $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) --quiet
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet
	@echo "installed to $(DESTDIR)$(PREFIX)"

deb:
	@tools/install-deps build deb
	@tools/make-deb.sh $(BUILD)

clean:
	@rm -rf $(BUILD)
