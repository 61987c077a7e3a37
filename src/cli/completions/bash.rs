//! The script for bash, which splits words where no shell does: at `:` and `=` (`COMP_WORDBREAKS`).
//!
//! Addresses have colons (`pod:/vm/ci`), so that the pieces are put together again before the program is asked, and what
//! bash takes for another word is cut off its answers.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap_complete::env::EnvCompleter;

/// Bash, with words as they were typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bash;

const SCRIPT: &str = r#"
_clap_complete_NAME() {
    local IFS=$'\013'
    local words=() index=0 last=-1 place piece joint=""
    for place in "${!COMP_WORDS[@]}"; do
        piece=${COMP_WORDS[place]}
        # The word at the cursor ends there; a colon alone is what is completed behind.
        if [[ $place -eq $COMP_CWORD && $piece != [:=] ]]; then
            piece=$2
        fi
        if [[ $last -gt 0 && ( -n $joint || $piece == [:=]* ) ]]; then
            words[last]+=$piece
        else
            last=$((last + 1))
            words[last]=$piece
        fi
        joint=""
        if [[ $piece == *[:=] ]]; then
            joint=yes
        fi
        if [[ $place -eq $COMP_CWORD ]]; then
            index=$last
        fi
    done
    local current=${words[index]} before=""
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        before=${current%"${current##*:}"}
    elif [[ $current == *=* && $COMP_WORDBREAKS == *=* ]]; then
        before=${current%"${current##*=}"}
    fi
    local space=true
    if compopt +o nospace 2> /dev/null; then
        space=false
    fi
    COMPREPLY=( $( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$index" \
        _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
        _CLAP_COMPLETE_SPACE="$space" \
        VAR="bash" \
        COMPLETER -- "${words[@]}" \
    ) )
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    if [[ $space == false && "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _clap_complete_NAME BIN
else
    complete -o nospace -o bashdefault -F _clap_complete_NAME BIN
fi
"#;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn io::Write,
    ) -> io::Result<()> {
        let quoted = shlex::try_quote(completer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let script = SCRIPT
            .replace("NAME", &name.replace('-', "_"))
            .replace("BIN", bin)
            .replace("VAR", var)
            .replace("COMPLETER", &quoted);
        buf.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn io::Write,
    ) -> io::Result<()> {
        clap_complete::env::Bash.write_complete(command, args, current_dir, buf)
    }
}
