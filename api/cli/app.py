"""The tree of commands, and the one place where errors become three lines and an exit code."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Any

from cyclopts import App, CycloptsError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

from api.cli.commands import COMMANDS
from api.cli.exits import INTERRUPTED, OK, exit_code, print_error, unexpected
from api.cli.session import EVERYWHERE, Session, split_options
from scheduler.errors import DialwheelError, UsageError


def run(argv: list[str]) -> int:
    """Run one command; every error ends here, as three lines and an exit code."""
    try:
        options, words = split_options(argv)
        return _run(Session(options), words)
    except CycloptsError as error:
        print_error(_usage(error))
        return exit_code(_usage(error))
    except DialwheelError as error:
        print_error(error)
        return exit_code(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        sys.stderr.close()
        return OK
    except Exception as error:
        print_error(unexpected(error))
        return exit_code(unexpected(error))


def _run(session: Session, words: list[str]) -> int:
    command, bound, ignored = make_app().parse_args(words, print_error=False, exit_on_error=False)
    given = {"session": session} if "session" in ignored else {}
    return command(*bound.args, **bound.kwargs, **given) or OK


def make_app() -> App:
    """The tree of commands, with nothing running."""
    shared: dict[str, Any] = {
        "help_format": "plaintext",
        "help_formatter": "default" if sys.stdout.isatty() else "plain",
        "version_flags": ["--version"],
        "result_action": "return_value",
        "suppress_keyboard_interrupt": False,
        "help_epilogue": EVERYWHERE,
    }
    from importlib.metadata import version as installed

    app = App(
        name="dialwheel",
        help="Follows up with leads by itself: decides when each is called, within the law, and dials.",
        help_prologue=_examples("demo --until-done", 'import leads.csv --agent "Solar West"'),
        version=lambda: installed("dialwheel"),
        **shared,
    )
    groups = {
        "lead": App(name="lead", help="One lead: what happened, and why the next call is when it is.",
                    help_prologue=_examples("lead show ana@acme", "lead why lead_4k2…")),
        "config": App(name="config", help="The settings in force.",
                      help_prologue=_examples("config show", "config show --json")),
        "keys": App(name="keys", help="Keys to the HTTP API.",
                    help_prologue=_examples("keys create", "keys create --scopes read")),
        "ledger": App(name="ledger", help="See whether the ledger is whole, and end a quarantine.",
                      help_prologue=_examples(*COMMANDS["ledger"][1:])),
        "wheel": App(name="wheel", help="See the wheel, and build it anew.",
                     help_prologue=_examples(*COMMANDS["wheel"][1:])),
    }  # fmt: skip
    for group in groups.values():
        app.command(group)
    for name, (function, first, second) in COMMANDS.items():
        parent, _, leaf = name.rpartition(" ")
        if leaf in groups:
            groups[leaf].default(function)
        else:
            (groups[parent] if parent else app).command(
                function, name=leaf, help_prologue=_examples(first, second)
            )
    return app


def _examples(*commands: str) -> str:
    return "Examples:\n" + "\n".join(f"  dialwheel {command}" for command in commands) + "\n"


def _usage(error: CycloptsError) -> UsageError:
    """A library's complaint in our words, with the nearest command or the help to read."""
    chain = " ".join(error.command_chain or ())
    if isinstance(error, UnknownCommandError):
        word = (error.unused_tokens or [""])[0]
        near = get_close_matches(word, _names(chain), n=1)
        spoken = f"{chain} {word}".strip()
        if near:
            return UsageError(
                f'no command "{spoken}". Did you mean: dialwheel {f"{chain} {near[0]}".strip()}'
            )
        return UsageError(
            f'no command "{spoken}"',
            "nothing has a name like it",
            f"see what there is: dialwheel {chain} --help".replace("  ", " "),
        )
    if isinstance(error, UnusedCliTokensError):
        words = " ".join(error.unused_tokens or ())
        if near := get_close_matches(words, _names(chain), n=1):
            return UsageError(f'no command "{chain} {words}". Did you mean: dialwheel {chain} {near[0]}')
        why = f"dialwheel {chain} takes no more"
        return UsageError(f"too many words: {words}", why, f"see: dialwheel {chain} --help")
    what, colon, why = str(error).rstrip(".").partition(": ")
    if not colon or isinstance(error, UnknownOptionError):
        what, why = what + colon + why, f"dialwheel {chain} does not understand it".replace("  ", " ")
    return UsageError(what[:1].lower() + what[1:], why, f"see: dialwheel {chain} --help".replace("  ", " "))


def _names(chain: str) -> set[str]:
    """What may follow after `dialwheel` and the words of `chain`."""
    begin = f"{chain} " if chain else ""
    return {name.removeprefix(begin).split(" ")[0] for name in COMMANDS if name.startswith(begin)}
