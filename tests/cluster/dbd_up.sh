#!/bin/bash
# Start a private MariaDB and slurmdbd for slurm_up.sh (after munge). Root, loopback only.
set -euo pipefail
state=$1
socket=$state/mysql/s.sock
mkdir -p "$state/mysql"
chown mysql:mysql "$state/mysql"
chmod a+x "$state" # the data base has a user of its own
if [[ ! -d $state/mysql/data/mysql ]]; then
    mariadb-install-db --no-defaults --user=mysql --datadir="$state/mysql/data" --auth-root-authentication-method=socket \
        --skip-test-db > "$state/mysql-install.log" 2>&1
fi
/usr/sbin/mariadbd --no-defaults --user=mysql --datadir="$state/mysql/data" --socket="$socket" \
    --pid-file="$state/mysql/pid" --bind-address=127.0.0.1 --port=13306 --innodb-buffer-pool-size=64M \
    --innodb-lock-wait-timeout=900 --skip-log-bin --innodb-flush-log-at-trx-commit=0 > "$state/mariadb.log" 2>&1 &
echo $! >> "$state/pids"
for _ in $(seq 100); do mariadb-admin --no-defaults -S "$socket" ping > /dev/null 2>&1 && break; sleep 0.1; done
mariadb --no-defaults -S "$socket" << SQL
create database if not exists slurm_acct_db;
create user if not exists 'slurm'@'localhost' identified by 'x';
create user if not exists 'slurm'@'127.0.0.1' identified by 'x';
grant all on slurm_acct_db.* to 'slurm'@'localhost';
grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1';
SQL
cat > "$state/slurmdbd.conf" << CONF
AuthType=auth/munge
DbdHost=$(hostname -s)
DbdAddr=127.0.0.1
DbdPort=16819
CommunicationParameters=NoInAddrAny
SlurmUser=root
PidFile=$state/slurmdbd.pid
LogFile=$state/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=x
StorageLoc=slurm_acct_db
CONF
chmod 600 "$state/slurmdbd.conf"
ln -sfn "$state/slurmdbd.conf" /etc/slurm/slurmdbd.conf
/usr/sbin/slurmdbd -D > "$state/slurmdbd.out" 2>&1 &
echo $! >> "$state/pids"
for _ in $(seq 100); do (exec 3<> /dev/tcp/127.0.0.1/16819) 2> /dev/null && break; sleep 0.1; done
