# bash completion of bailey; source it.
_bailey()
{
  local cur=$2 prev=$3 cmd='' opts='' words='' files=0 w
  COMPREPLY=()
  for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $w in -*) ;; *) case $cmd in ''|token|evidence) cmd="${cmd:+$cmd }$w" ;; esac ;; esac
  done
  case $prev in
    --output) COMPREPLY=($(compgen -W 'table wide json yaml name' -- "$cur")); return ;;
    --color) COMPREPLY=($(compgen -W 'auto always never' -- "$cur")); return ;;
    --context) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --timeout) return ;;
    --namespace) return ;;
    --selector) return ;;
    --file) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --tail) return ;;
    --node) return ;;
    --workload) return ;;
    --for) COMPREPLY=($(compgen -W 'running placed pending deleted connected verified refused ended' -- "$cur")); return ;;
    --ttl) return ;;
    --at) return ;;
    --report-data) return ;;
  esac
  case $cmd in
    '') words='apply get describe delete why logs events wait status token evidence lint explain schema completion help version' ;;
    'apply') opts='--help --output --color --context --timeout --namespace --file --dry-run ' words='' files=0 ;;
    'get') opts='--help --output --color --context --timeout --namespace --all-namespaces --selector --watch --all --node --workload --no-titles ' words='workloads nodes keeps events' files=0 ;;
    'describe') opts='--help --output --color --context --timeout --namespace ' words='workloads nodes keeps events' files=0 ;;
    'delete') opts='--help --output --color --context --timeout --namespace --file ' words='workloads nodes keeps events' files=0 ;;
    'why') opts='--help --output --color --context --timeout --namespace --node ' words='' files=0 ;;
    'logs') opts='--help --output --color --context --timeout --namespace --follow --tail ' words='' files=0 ;;
    'events') opts='--help --output --color --context --timeout --namespace --all-namespaces --follow --tail --no-titles ' words='' files=0 ;;
    'wait') opts='--help --output --color --context --timeout --namespace --for ' words='' files=0 ;;
    'status') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'token create') opts='--help --output --color --context --timeout --node --ttl ' words='' files=0 ;;
    'token') words='create' ;;
    'evidence verify') opts='--help --output --color --context --timeout --at --report-data --allow-simulated --allow-debug --lenient ' words='' files=1 ;;
    'evidence') words='verify explain' ;;
    'evidence explain') opts='--help --output --color --context --timeout ' words='' files=1 ;;
    'lint') opts='--help --output --color --context --timeout ' words='' files=1 ;;
    'explain') opts='--help --output --color --context --timeout ' words='workload node keep event' files=0 ;;
    'schema') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'completion') opts='--help --output --color --context --timeout ' words='bash' files=0 ;;
    'help') opts='--help --output --color --context --timeout ' words='apply get describe delete why logs events wait status token evidence lint explain schema completion help version' files=0 ;;
    'version') opts='--help --output --color --context --timeout ' words='' files=0 ;;
  esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$opts" -- "$cur"))
  elif ((files)); then compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))
  else COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -F _bailey bailey
