#!/usr/bin/env bash
# A real SLURM of one node, this machine, that listens on the loopback interface alone; for tests.
#
#   one_node_slurm.sh up FOLDER        starts munge, the controller and the node's daemon; their files lie in FOLDER
#   one_node_slurm.sh node FOLDER      starts the node's daemon again
#   one_node_slurm.sh down FOLDER      stops what `up` started, and its jobs; any number of times
#
# Needs root, and the packages slurm-wlm and munge of Debian or Ubuntu. The configuration must lie in /etc/slurm: the
# executor takes SLURM_CONF, like all SLURM_*, from the environment of its jobs. `up` overwrites none that is not its own.
set -euo pipefail

task=${1:?up, node or down}
folder=${2:?a folder}
mark="# Written by one_node_slurm.sh"
conf=/etc/slurm/slurm.conf

up() {
  if [ -e "$conf" ] && ! grep -qxF "$mark" "$conf"; then
    echo "$conf belongs to another SLURM, which is left alone" >&2
    return 1
  fi
  if scontrol ping 2> /dev/null | grep -q UP; then
    echo "a SLURM is running here already" >&2
    return 1
  fi
  mkdir -p "$folder"/{state,spool,log,run} /etc/slurm
  # No cgroups, no accounting, nothing of systemd. A node is lost, and its jobs start again, within seconds.
  cat > "$conf" <<CONF
$mark
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
CommunicationParameters=NoAddrCache,NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1
EnforcePartLimits=ALL
KillWait=2
JobRequeue=1
SlurmdTimeout=6
ReturnToService=2
GresTypes=gpu
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) Gres=gpu:1
PartitionName=cpu Nodes=$(hostname -s) Default=YES MaxTime=1-00:00:00
PartitionName=gpu Nodes=$(hostname -s) MaxTime=1-00:00:00
CONF
  # A pretended card, so that jobs can ask for one.
  echo "NodeName=$(hostname -s) Name=gpu File=/dev/null" > /etc/slurm/gres.conf
  if ! munge --no-input > /dev/null 2>&1; then
    install -d -o munge -g munge -m 755 /run/munge
    runuser -u munge -- /usr/sbin/munged --force
    cp /run/munge/munged.pid "$folder/run/"
  fi
  slurmctld -c
  node
}

node() {
  slurmd
  for _ in $(seq 60); do
    sinfo -h -o %T 2> /dev/null | grep -qE 'idle|mixed|allocated' && return
    sleep 0.25
  done
  echo "the node did not come up; see $folder/log" >&2
  return 1
}

down() {
  # Only if the SLURM that runs here is the one of this folder.
  if grep -qxF "StateSaveLocation=$folder/state" "$conf" 2> /dev/null; then
    scancel --user root --signal=KILL --full 2> /dev/null || true
    for daemon in slurmd slurmctld munged; do
      stop "$folder/run/$daemon.pid"
    done
    rm -f "$conf" /etc/slurm/gres.conf
  fi
}

stop() {
  pid=$(cat "$1" 2> /dev/null) || return 0
  rm -f "$1"
  kill "$pid" 2> /dev/null || return 0
  for _ in $(seq 40); do
    kill -0 "$pid" 2> /dev/null || return 0
    sleep 0.1
  done
}

case $task in
  up | node | down) "$task" ;;
  *) echo "unknown task $task: up, node or down" >&2 && exit 2 ;;
esac
