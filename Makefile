# Finds a Python and calls `python -m tools COMMAND`; all the work is in tools/.

COMMANDS := help up preview down demo-site urls invoke logs asset audit test check rules bench clean
CANDIDATES := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)
SUITS := import sys, sqlite3, ssl, venv; sys.exit(sys.version_info < (3, 11))
FOUND := $(shell for python in $(CANDIDATES); do \
	"$$python" -c '$(SUITS)' >/dev/null 2>&1 && echo "$$python" && break; done)

# Given values reach the tools as they were typed: neither make nor a shell reads them.
VARIABLES := STACK FN EVENT LAYER ONLY PORT ALL ZIP TARGET
$(foreach name,$(VARIABLES),$(eval override export $(name) := $$(value $(name))))

.DEFAULT_GOAL := help
.PHONY: $(COMMANDS)

$(COMMANDS):
	$(if $(FOUND),,$(error No Python 3.11 or newer was found: install one, or name it with PYTHON=/path/to/python))
	@$(FOUND) -m tools $@
