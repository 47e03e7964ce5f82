#!/bin/sh
# Run once by the image of MariaDB, which makes one database by itself: the other one, for the same user.
set -eu
mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" <<SQL
CREATE DATABASE crm CHARACTER SET utf8mb4;
GRANT ALL ON crm.* TO '$MARIADB_USER'@'%';
SQL
