.PHONY: format check test slow

format:            ## lay the code out
	ruff format .
	ruff check --fix .

check:             ## everything that needs no test run
	ruff format --check .
	ruff check .
	mypy
	lint-imports

test:              ## the default tests, under five minutes on two cores
	pytest

slow:              ## the long trials
	pytest -m slow
