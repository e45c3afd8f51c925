.PHONY: format check test slow gpu docs

format:            ## lay the code out
	ruff format .
	ruff check --fix .

check:             ## everything that needs no test run
	ruff format --check .
	ruff check .
	mypy
	lint-imports

test:              ## the default tests, under six minutes on two cores
	pytest -n 2

slow:              ## the long trials
	pytest -m slow

gpu:               ## the tests of a GPU
	pytest -m gpu

docs:              ## docs/commands.md and the manual page, from the command line
	python docs/generate_commands.py
	python docs/generate_man.py
