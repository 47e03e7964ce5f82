#!/usr/bin/env python3
"""Creates, lists, disables and enables users, and gives them new passwords.

examples:
  python3 scripts/users.py create anna@example.com --name "Anna Berg" --admin
  python3 scripts/users.py list
  python3 scripts/users.py password anna@example.com
  python3 scripts/users.py disable anna@example.com
  python3 scripts/users.py trust anna@example.com

A password that is not asked for with --ask is made up and printed once. Disabling a user, or changing the password,
ends the user's sessions at once; campaigns that run go on. Exit code: 0 done, 1 not possible, 2 wrong arguments.
"""

import argparse
import getpass
import os
import sys

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config, schema, users
    from blaster.errors import Invalid

    settings = config.load()
    options.trial = settings.trial
    boot.boot(settings)
    schema.migrate()
    try:
        options.action(users, options)
    except Invalid as error:
        sys.exit(" ".join(error.errors.values()))


def parser():
    root = argparse.ArgumentParser(
        prog="users.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument(
        "--data-dir", metavar="DIR", help="where start.py keeps its data (default: var beside the project)"
    )
    actions = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_action(actions, "list", list_users, "everybody, with role and state")
    create = add_action(actions, "create", create_user, "a new user", email=True, ask=True)
    create.add_argument("--name", default="", help="how the pages greet the user")
    create.add_argument("--admin", action="store_true", help="may also see how the whole installation fares")
    add_action(actions, "password", reset_password, "a new password", email=True, ask=True)
    add_action(actions, "disable", disable, "keep a user out", email=True)
    add_action(actions, "trust", trust, "end a trial (BLASTER_TRIAL=1): the user may mail anybody", email=True)
    add_action(actions, "enable", enable, "let a user in again", email=True)
    return root


def add_action(actions, name, function, text, email=False, ask=False):
    action = actions.add_parser(name, help=text, description=text)
    action.set_defaults(action=function)
    if email:
        action.add_argument("email", help="the address the user signs in with")
    if ask:
        action.add_argument("--ask", action="store_true", help="ask for the password instead of making one up")
    return action


def list_users(users, options):
    for user in users.list_all():
        print(user.email, user.role, "active" if user.is_active else "disabled", user.name, sep="\t")


def create_user(users, options):
    password = choose_password(options)
    role, is_trial = ("admin", False) if options.admin else ("user", options.trial)
    user = users.create(options.email, options.name, password, role=role, is_trial=is_trial)
    print(f"Created {user.email} ({user.role}{', on trial' if is_trial else ''}).")
    show(options, password)


def reset_password(users, options):
    password = choose_password(options)
    users.set_password(find(users, options).id, password)
    print("The password is changed.")
    show(options, password)


def trust(users, options):
    from blaster import trial

    trial.trust(find(users, options).id)
    print(f"{options.email} may mail anybody.")


def disable(users, options):
    users.set_active(find(users, options).id, False)
    print(f"{options.email} can no longer sign in.")


def enable(users, options):
    users.set_active(find(users, options).id, True)
    print(f"{options.email} can sign in.")


def find(users, options):
    return users.by_email(options.email) or sys.exit(f"There is no user {options.email}.")


def choose_password(options):
    from blaster import passwords

    return getpass.getpass("Password: ") if options.ask else passwords.made_up()


def show(options, password):
    if not options.ask:
        print(f"Password (shown only now): {password}")


if __name__ == "__main__":
    main()
