#!/bin/bash
# Start a private SLURM on this machine: two nodes of one host, loopback only. Root; needs slurm-wlm and munge.
#   slurm_up.sh FOLDER      state, logs and process ids go to FOLDER; slurm_down.sh FOLDER stops it
#   ACCT=dbd                with accounting (sacct); needs slurmdbd, slurm-wlm-mysql-plugin and mariadb-server as well
#   CPUS=4 MEM_MB=32000     what each node declares, whatever the machine has
set -euo pipefail
state=$1
here=$(cd "$(dirname "$0")" && pwd)
host=$(hostname -s)
cpus=${CPUS:-4}
mem_mb=${MEM_MB:-32000}
unset SLURM_CONF

for name in slurm gres cgroup slurmdbd; do
    file=/etc/slurm/$name.conf
    if [[ -e $file && ! -L $file ]]; then
        echo "this machine has a SLURM of its own: $file" >&2
        exit 2
    fi
done
mkdir -p "$state/ctld"
: > "$state/pids"

wait_for() { # wait_for SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || { echo "not in time: $*" >&2; tail -n 20 "$state"/*.log >&2; exit 1; }
        sleep 0.1
    done
}
nodes_idle() { [[ $(timeout 2 sinfo -h -o %T 2> /dev/null | sort -u) == idle ]]; }

# munge at its default place: connections to slurmdbd do not heed AuthInfo=socket=
install -d -o munge -g munge -m 755 /run/munge
install -d -o munge -g munge -m 700 /var/log/munge /var/lib/munge
[[ -e /etc/munge/munge.key ]] || { /usr/sbin/mungekey && chown munge:munge /etc/munge/munge.key; }
if ! munge -n > /dev/null 2>&1; then
    setpriv --reuid=munge --regid=munge --clear-groups /usr/sbin/munged --num-threads=4
    wait_for 10 test -s /run/munge/munged.pid
    cat /run/munge/munged.pid >> "$state/pids"
fi

accounting='AccountingStorageType=accounting_storage/none'
if [[ ${ACCT:-none} == dbd ]]; then
    accounting=$'AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1
AccountingStoragePort=16819\nAccountingStorageTRES=gres/gpu'
fi
cat > "$state/slurm.conf" << CONF
ClusterName=ci
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# without these two, servers listen on all interfaces
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/spool.%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.%n.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# memory is watched every second, and a job over its limit is killed
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
MailProg=/bin/true
MpiDefault=none
ReturnToService=2
MinJobAge=300
KillWait=2
GresTypes=gpu
$accounting
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=$cpus RealMemory=$mem_mb Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=n[1-2] MaxTime=01:00:00 State=UP
CONF
# a device must name a file; any character device does
cat > "$state/gres.conf" << CONF
AutoDetect=off
NodeName=n[1-2] Name=gpu File=/dev/null
NodeName=n[1-2] Name=gpu File=/dev/zero
CONF
printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > "$state/cgroup.conf"

# the default place: the plugin's job step drops SLURM_CONF from the environment of its srun
mkdir -p /etc/slurm
for name in slurm gres cgroup; do ln -sfn "$state/$name.conf" /etc/slurm/$name.conf; done

if [[ ${ACCT:-none} == dbd ]]; then
    "$here/dbd_up.sh" "$state"
    timeout 20 sacctmgr -i add cluster ci > /dev/null 2>&1 || true
fi
/usr/sbin/slurmctld -c
wait_for 10 test -s "$state/slurmctld.pid"
cat "$state/slurmctld.pid" >> "$state/pids"
for node in n1 n2; do
    /usr/sbin/slurmd -c -N $node
    wait_for 10 test -s "$state/slurmd.$node.pid"
    cat "$state/slurmd.$node.pid" >> "$state/pids"
done
wait_for 20 nodes_idle
if [[ ${ACCT:-none} == dbd ]]; then
    sacctmgr -i add account lab cluster=ci > /dev/null || true
    sacctmgr -i add user "$(id -un)" account=lab cluster=ci > /dev/null || true
fi
sinfo -o '%P %T %c %m %G'
