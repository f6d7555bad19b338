# bash completion of bailey; source it.
_bailey()
{
  local cur=$2 prev=$3 cmd='' opts='' words='' files=0 w
  COMPREPLY=()
  for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $w in -*) ;; *) case $cmd in ''|node|token|user|approval|settings|ca|evidence|revocation|advisory|quota|placement|rollout|collateral|audit|receipt|policy) cmd="${cmd:+$cmd }$w" ;; esac ;; esac
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
    --collateral) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --where) return ;;
    --vendor) COMPREPLY=($(compgen -W 'amd intel arm aws' -- "$cur")); return ;;
    --technology) COMPREPLY=($(compgen -W 'sev-snp tdx sgx cca nitro' -- "$cur")); return ;;
    --generation) COMPREPLY=($(compgen -W 'milan genoa bergamo siena turin icelake sapphire-rapids emerald-rapids' -- "$cur")); return ;;
    --product-line) return ;;
    --firmware) return ;;
    --tcb) return ;;
    --tcb-status) return ;;
    --tcb-date) return ;;
    --advisory) return ;;
    --platform-id) return ;;
    --assurance) COMPREPLY=($(compgen -W 'hardware simulated' -- "$cur")); return ;;
    --finding) return ;;
    --deadline) return ;;
    --because) return ;;
    --expect-revision) return ;;
    --expect) return ;;
    --override-guard) return ;;
    --action) COMPREPLY=($(compgen -W 'hold drain stop' -- "$cur")); return ;;
    --grace) return ;;
    --name) return ;;
    --reference) return ;;
    --since) return ;;
    --ca) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --key) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --role) COMPREPLY=($(compgen -W 'viewer operator security-officer admin' -- "$cur")); return ;;
    --into) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --serial) return ;;
    --require-approval) COMPREPLY=($(compgen -W 'none revocation lift policy exception node-approval' -- "$cur")); return ;;
    --approve-nodes) COMPREPLY=($(compgen -W 'on off' -- "$cur")); return ;;
  esac
  case $cmd in
    '') words='apply diff forecast get describe delete why logs events wait status node token user whoami approval settings settings ca evidence revoke revocation lift advisory quota placement placement rollout collateral audit receipt receipt lint policy explain schema completion help version' ;;
    'apply') opts='--help --output --color --context --timeout --namespace --file --dry-run --expect-revision --expect --override-guard ' words='' files=0 ;;
    'diff') opts='--help --output --color --context --timeout --namespace --file ' words='' files=0 ;;
    'forecast') opts='--help --output --color --context --timeout --node --at --collateral ' words='' files=0 ;;
    'get') opts='--help --output --color --context --timeout --namespace --all-namespaces --selector --watch --all --node --workload --no-titles --where --maybe --vendor --technology --generation --product-line --firmware --tcb --tcb-status --tcb-date --advisory --platform-id --assurance --finding ' words='workloads nodes keeps events policies advisories exceptions' files=0 ;;
    'describe') opts='--help --output --color --context --timeout --namespace ' words='workloads nodes keeps events policies advisories exceptions' files=0 ;;
    'delete') opts='--help --output --color --context --timeout --namespace --file --force ' words='workloads nodes keeps events policies advisories exceptions' files=0 ;;
    'why') opts='--help --output --color --context --timeout --namespace --node ' words='' files=0 ;;
    'logs') opts='--help --output --color --context --timeout --namespace --follow --tail ' words='' files=0 ;;
    'events') opts='--help --output --color --context --timeout --namespace --all-namespaces --follow --tail --no-titles ' words='' files=0 ;;
    'wait') opts='--help --output --color --context --timeout --namespace --for ' words='' files=0 ;;
    'status') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'node cordon') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'node') words='cordon uncordon drain describe approve deny evict ban unban' ;;
    'node uncordon') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'node drain') opts='--help --output --color --context --timeout --force --deadline --because --detach ' words='' files=0 ;;
    'node describe') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'node approve') opts='--help --output --color --context --timeout --because ' words='' files=0 ;;
    'node deny') opts='--help --output --color --context --timeout --because ' words='' files=0 ;;
    'node evict') opts='--help --output --color --context --timeout --because ' words='' files=0 ;;
    'node ban') opts='--help --output --color --context --timeout --because ' words='' files=0 ;;
    'node unban') opts='--help --output --color --context --timeout --because ' words='' files=0 ;;
    'token create') opts='--help --output --color --context --timeout --node --ttl ' words='' files=0 ;;
    'token') words='create' ;;
    'user create') opts='--help --output --color --context --timeout --namespace --ttl --role --into --change ' words='' files=0 ;;
    'user') words='create list revoke' ;;
    'user list') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'user revoke') opts='--help --output --color --context --timeout --serial ' words='' files=0 ;;
    'whoami') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'approval list') opts='--help --output --color --context --timeout --all ' words='' files=0 ;;
    'approval') words='list approve deny' ;;
    'approval approve') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'approval deny') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'settings') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'settings set') opts='--help --output --color --context --timeout --where --require-approval --approve-nodes ' words='' files=0 ;;
    'settings') words='set' ;;
    'ca status') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'ca') words='status rotate trust' ;;
    'ca rotate') opts='--help --output --color --context --timeout --force ' words='prepare publish activate taint revoke' files=0 ;;
    'ca trust') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'evidence verify') opts='--help --output --color --context --timeout --at --report-data --allow-simulated --signatures-only --collateral --lenient ' words='' files=1 ;;
    'evidence') words='verify explain' ;;
    'evidence explain') opts='--help --output --color --context --timeout ' words='' files=1 ;;
    'revoke') opts='--help --output --color --context --timeout --watch --file --where --vendor --technology --generation --product-line --firmware --tcb --tcb-status --tcb-date --advisory --platform-id --assurance --finding --because --plan --expect --override-guard --action --grace --canary --name --reference --yes ' words='' files=0 ;;
    'revocation list') opts='--help --output --color --context --timeout --watch --no-titles ' words='' files=0 ;;
    'revocation') words='list describe watch' ;;
    'revocation describe') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'revocation watch') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'lift') opts='--help --output --color --context --timeout --because ' words='' files=0 ;;
    'advisory import') opts='--help --output --color --context --timeout --all --dry-run ' words='' files=1 ;;
    'advisory') words='import list describe' ;;
    'advisory list') opts='--help --output --color --context --timeout --no-titles ' words='' files=0 ;;
    'advisory describe') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'quota list') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'quota') words='list set delete' ;;
    'quota set') opts='--help --output --color --context --timeout ' words='keeps= cpu= memory= tee-slots= epc=' files=0 ;;
    'quota delete') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'placement') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'placement set') opts='--help --output --color --context --timeout ' words='strategy=pack strategy=spread reserve=' files=0 ;;
    'placement') words='set' ;;
    'rollout status') opts='--help --output --color --context --timeout --namespace --watch ' words='' files=0 ;;
    'rollout') words='status pause resume undo' ;;
    'rollout pause') opts='--help --output --color --context --timeout --namespace ' words='' files=0 ;;
    'rollout resume') opts='--help --output --color --context --timeout --namespace ' words='' files=0 ;;
    'rollout undo') opts='--help --output --color --context --timeout --namespace ' words='' files=0 ;;
    'collateral import') opts='--help --output --color --context --timeout ' words='' files=1 ;;
    'collateral') words='import list urls' ;;
    'collateral list') opts='--help --output --color --context --timeout --no-titles ' words='' files=0 ;;
    'collateral urls') opts='--help --output --color --context --timeout --no-titles ' words='' files=0 ;;
    'audit tail') opts='--help --output --color --context --timeout --follow --tail --where --since ' words='' files=0 ;;
    'audit') words='tail verify export prove' ;;
    'audit verify') opts='--help --output --color --context --timeout --force --ca --key ' words='' files=1 ;;
    'audit export') opts='--help --output --color --context --timeout ' words='' files=1 ;;
    'audit prove') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'receipt') opts='--help --output --color --context --timeout --namespace ' words='' files=0 ;;
    'receipt verify') opts='--help --output --color --context --timeout --ca --key ' words='' files=1 ;;
    'receipt') words='verify' ;;
    'lint') opts='--help --output --color --context --timeout ' words='' files=1 ;;
    'policy test') opts='--help --output --color --context --timeout --at ' words='' files=1 ;;
    'policy') words='test' ;;
    'explain') opts='--help --output --color --context --timeout ' words='workload node keep event trustpolicy advisory exception' files=0 ;;
    'schema') opts='--help --output --color --context --timeout ' words='' files=0 ;;
    'completion') opts='--help --output --color --context --timeout ' words='bash man' files=0 ;;
    'help') opts='--help --output --color --context --timeout ' words='apply diff forecast get describe delete why logs events wait status node token user whoami approval settings settings ca evidence revoke revocation lift advisory quota placement placement rollout collateral audit receipt receipt lint policy explain schema completion help version' files=0 ;;
    'version') opts='--help --output --color --context --timeout ' words='' files=0 ;;
  esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$opts" -- "$cur"))
  elif ((files)); then compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))
  else COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -F _bailey bailey
