#!/bin/bash
# Stop what slurm_up.sh FOLDER started, newest first, by process id.
set -u
state=$1
for pid in $(tac "$state/pids"); do
    kill "$pid" 2> /dev/null
    for _ in $(seq 60); do [[ -d /proc/$pid ]] && sleep 0.1; done
    [[ -d /proc/$pid ]] && kill -9 "$pid" 2> /dev/null
done
for name in slurm gres cgroup slurmdbd; do
    if [[ $(readlink "/etc/slurm/$name.conf") == "$state/$name.conf" ]]; then rm -f "/etc/slurm/$name.conf"; fi
done
true
