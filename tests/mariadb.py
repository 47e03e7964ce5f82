"""The lab's throwaway MariaDB."""

from scripts.lab.mariadb import HINT, MariaDB, is_installed

__all__ = ["HINT", "MariaDB", "is_installed"]
