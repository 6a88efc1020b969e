"""`shodohflo completion`: the script with which a shell completes our commands and options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

EXAMPLES: Final = """\b
Examples:
  eval "$(shodohflo completion bash)"                              for this shell
  shodohflo completion fish > ~/.config/fish/completions/shodohflo.fish
                                                                   after mkdir -p ~/.config/fish/completions
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "shodohflo", "_SHODOHFLO_COMPLETE").source())
