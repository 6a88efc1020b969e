"""What any part of a running process may need: its memory allocator, its timers, and files that others can't swap.

`malloc` tunes the allocator, `collector` pauses the search for garbage cycles, `timers` has intervals and rate limits,
`parallel` waits for several at the same time, and `opening` opens files where others may write. What a process gives
up: `accounts` its user, `capabilities`, `landlock` access to files, `seccomp` system calls, `isolation` modules that
the environment names; `handover` prepares directories for another user.

This package must not import any other package of the project, and it must not know packets, rules or stores.
"""
