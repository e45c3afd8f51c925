"""The command `femb`, also as `python -m femb_cli`: signals are handled before the imports that take time."""

import sys

from femb_cli.runtime.signals import Interrupted, raise_on_signals


def main() -> None:
    """Run `femb` with the arguments of this process, and exit with its exit code."""
    raise_on_signals()
    try:
        if sys.argv[1:2] == ["__complete"]:
            from femb_cli.cli.complete_shells import answer

            sys.exit(answer(sys.argv[2], sys.argv[3:]))
        from femb_cli.cli.app import main as run_app

        run_app()
    except Interrupted as interruption:
        from femb_cli.runtime.logging import begin_line
        from femb_cli.runtime.ranks import is_main_process

        if is_main_process():
            begin_line()
            print("interrupted", file=sys.stderr)
        sys.exit(interruption.exit_code)


if __name__ == "__main__":
    main()
