"""The completion of bash, zsh and fish as scripts, and where each shell finds its own.

A script calls `femb __complete SHELL` with the line, as `complete_shells.py` takes it, and gets one candidate a line,
with its meaning behind a tab. The exit code 1 stands for the path of a file, which the shell completes itself.
"""

import os
import subprocess
from pathlib import Path

from femb_cli.errors import FembError
from femb_cli.files import make_parent, write_errors, write_text

BASH = r"""# Completion of femb in bash (4.4 or later)
_femb() {
    local answer
    COMPREPLY=()
    if ! answer=$("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null); then
        compopt -o default -o bashdefault
    elif [[ -n $answer ]]; then
        mapfile -t COMPREPLY <<<"$answer"
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace
    fi
    return 0
}
complete -F _femb femb
"""
ZSH = r"""#compdef femb
# Completion of femb in zsh
_femb() {
    local answer line word
    local -a words_only shown open_words open_shown
    if ! answer=$("${(Q)words[1]}" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null); then
        _files
        return
    fi
    for line in "${(@f)answer}"; do
        word=${line%%$'\t'*}
        [[ -z $word ]] && continue
        line=${line/$'\t'/  -- }
        if [[ $word == *[=/] ]]; then
            open_words+=("$word") open_shown+=("$line")
        else
            words_only+=("$word") shown+=("$line")
        fi
    done
    compadd -l -d shown -a words_only
    compadd -S '' -l -d open_shown -a open_words
}
if [[ $funcstack[1] == _femb ]]; then
    _femb "$@"
else
    compdef _femb femb
fi
"""
FISH = r"""# Completion of femb in fish
function __femb_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct | string unescape)
    if not command $words[1] __complete fish $words[2..-1] "$word" 2>/dev/null
        __fish_complete_path "$word"
    end
end
complete -c femb -f -a '(__femb_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

_FILES = {
    "bash": (".bash_completions/femb.sh", ".bashrc", "source ~/.bash_completions/femb.sh"),
    "zsh": (".zfunc/_femb", ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"),
    "fish": (".config/fish/completions/femb.fish", "", ""),
}
"""For each shell: where its script goes, and the file that gets a line that loads it; fish finds it by itself."""


def shell_in_use() -> str:
    """Return the shell that started this process, or else the user's own.

    Raises:
        FembError: femb does not know its completion.
    """
    for program in (_parent(), os.environ.get("SHELL", "")):
        name = Path(program).name.lstrip("-")
        if name in SCRIPTS:
            return name
    raise FembError("femb does not know which shell this is", hint=f"it completes in {', '.join(SCRIPTS)}")


def _parent() -> str:
    """Return the name of the program that started this process; empty where that cannot be asked."""
    try:
        asked = subprocess.run(
            ["ps", "-o", "comm=", "-p", str(os.getppid())], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return asked.stdout.strip()


def install(shell: str) -> Path:
    """Write a shell's script below the home directory, let the shell load it, and return its path.

    Raises:
        FembError: a file cannot be written.
    """
    script, startup, line = _FILES[shell]
    path = Path.home() / script
    make_parent(path)
    write_text(path, SCRIPTS[shell])
    if startup:
        file = Path.home() / startup
        with write_errors(file), file.open("a+", encoding="utf-8") as opened:
            opened.seek(0)
            text = opened.read()
            if line not in text.splitlines():
                start = "\n" if text and not text.endswith("\n") else ""
                opened.write(f"{start}{line}\n")
    return path
