# SPDX-License-Identifier: MIT
# zsh -f zsh_completion.zsh COMMAND LINE: what an interactive zsh offers where Tab is pressed after LINE, a line each.
# COMMAND is run in it first, and makes the completion known. What is offered is what compadd is given.
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PROMPT= RPROMPT=; unset zle_bracketed_paste; stty -echo cols 1000'
zpty -w inner 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a offered; builtin compadd -A offered "$@"
    print -rl -- "OFFERED:"${^offered}
    builtin compadd "$@"
}'
zpty -w inner 'finished() { print -r -- "FINI""SHED" }; LISTMAX=10000'
zpty -w inner "$1; comppostfuncs=(finished); print REA''DY"
while zpty -r inner line; do [[ $line == *READY* ]] && break; done
zpty -n -w inner "$2"$'\t'
while zpty -r inner line; do
    line=${line%%$'\r\n'}
    [[ $line == *OFFERED:?* ]] && print -r -- "${line##*OFFERED:}"
    [[ $line == *FINISHED* ]] && break
done
zpty -d inner
