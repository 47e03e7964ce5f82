"""Connections to MySQL/MariaDB: encrypted where the server offers it, and cheap to open."""

import functools
import ssl

import peewee
import pymysql


class Connection(pymysql.Connection):
    """As the driver makes it, but with one TLS context for all: each of its own takes 48 ms of CPU.

    Nothing is verified, as the driver has it where no authority is named: that keeps out who listens, not who
    pretends to be the database.
    """

    def _create_ssl_ctx(self, sslp) -> ssl.SSLContext:
        return _context()


class Database(peewee.MySQLDatabase):
    """peewee's, over such connections."""

    def _connect(self) -> Connection:
        return Connection(database=self.database, autocommit=True, **self.connect_params)


@functools.cache
def _context() -> ssl.SSLContext:
    """Without the authorities, whose loading is what takes so long."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
