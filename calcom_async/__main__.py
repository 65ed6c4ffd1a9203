"""`python -m calcom_async`, and the command `calcom-async`."""

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from calcom_async.cli import app  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as missing:
        # Any other missing module is a fault of the installation, which the advice below would hide.
        if missing.name not in {"typer", "rich", "click"}:
            raise
        sys.exit(f"The command line needs {missing.name}: pip install 'calcom-async[cli]'")
    except KeyboardInterrupt:  # while the modules are imported
        sys.stderr.write("interrupted.\n")
        sys.exit(130)
    app(prog_name="calcom-async")


if __name__ == "__main__":
    main()
