"""The command ``napixd-store``, also ``python -m napixd_store``, which needs the extra `cli`."""

import sys


def main() -> int:
    """Run the command with the arguments of the process; return its exit code."""
    try:
        from napixd_store.cli import run
        from napixd_store.cli.process import Signals, open_streams
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        how = "pip install 'napixd-store[cli]'"
        sys.stderr.write(f"napixd-store: needs {missing}, which is not installed: {how}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    open_streams()
    with Signals():
        return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
