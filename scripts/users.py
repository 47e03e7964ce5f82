#!/usr/bin/env python3
"""Creates, lists, suspends users and lets them in again, gives them new passwords, takes second factors off.

examples:
  python3 scripts/users.py create anna@example.com --name "Anna Berg" --admin
  python3 scripts/users.py list
  python3 scripts/users.py password anna@example.com
  python3 scripts/users.py invite anna@example.com
  python3 scripts/users.py suspend anna@example.com
  python3 scripts/users.py quota anna@example.com --campaigns 5 --recipients 100000
  python3 scripts/users.py trust anna@example.com

A password that is not asked for with --ask is made up and printed once; `invite` prints a link instead, with which
the user chooses one, and so it does for a user who is there and forgot it. Suspending a user, or changing the password,
ends the user's sessions at once; suspending pauses the campaigns, too, and lifting it resumes none of them. All of this
is noted in the audit log. Exit code: 0 done, 1 not possible, 2 wrong arguments.
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
    from blaster.errors import Conflict, Invalid, NotFound

    settings = config.load()
    options.trial, options.url = settings.trial, settings.public_url
    boot.boot(settings)
    schema.migrate()
    try:
        options.action(users, options)
    except (Invalid, Conflict, NotFound) as error:
        sys.exit(str(error))


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
    invite = add_action(actions, "invite", invite_user, "a link to choose a password with", email=True)
    invite.add_argument("--name", default="", help="how the pages greet the user")
    invite.add_argument("--admin", action="store_true", help="a new user is an administrator")
    add_action(actions, "suspend", suspend, "keep a user out and pause their campaigns", email=True)
    add_action(actions, "trust", trust, "end a trial (BLASTER_TRIAL=1): the user may mail anybody", email=True)
    add_action(actions, "lift", lift, "end a suspension: the user may sign in again", email=True)
    add_action(
        actions, "second-factor", remove_factor, "take it off, where phone and recovery codes are lost", email=True
    )
    quota = add_action(actions, "quota", set_quota, "how much a user may start (0: any number)", email=True)
    quota.add_argument("--campaigns", metavar="N", type=int, default=0, help="under way at once")
    quota.add_argument("--recipients", metavar="N", type=int, default=0, help="of campaigns that start within 24 hours")
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
        print(user.email, user.role, "active" if user.is_active else "suspended", user.name, sep="\t")


def create_user(users, options):
    password = choose_password(options)
    make(users, options, password)
    show(options, password)


def make(users, options, password):
    role, is_trial = ("admin", False) if options.admin else ("user", options.trial)
    user = users.create(options.email, options.name, password, role=role, is_trial=is_trial)
    note("create", user)
    print(f"Created {user.email} ({user.role}{', on trial' if is_trial else ''}).")
    return user


def invite_user(users, options):
    from blaster import password_links

    user = users.by_email(options.email) or make(users, options, None)
    kind = "reset" if user.password_hash else "invitation"
    token = password_links.make(user.id, kind)
    note("link", user)
    hours = password_links.GOOD_FOR[kind] // password_links.HOUR
    print(f"Good once, for {hours} h (shown only now): {options.url}/password/{token}")


def reset_password(users, options):
    password = choose_password(options)
    user = find(users, options)
    users.set_password(user.id, password)
    note("password", user)
    print("The password is changed.")
    show(options, password)


def trust(users, options):
    from blaster import trial

    user = find(users, options)
    trial.trust(user.id)
    note("trust", user)
    print(f"{options.email} may mail anybody.")


def suspend(users, options):
    from blaster import suspension

    user = find(users, options)
    paused = suspension.suspend(user.id)
    note("suspend", user)
    print(f"{options.email} can no longer sign in. Campaigns paused: {paused}.")


def lift(users, options):
    from blaster import suspension

    user = find(users, options)
    suspension.lift(user.id)
    note("lift", user)
    print(f"{options.email} can sign in. Campaigns stay paused until their owner resumes them.")


def remove_factor(users, options):
    from blaster import second_factors

    user = find(users, options)
    second_factors.remove(user.id)
    note("remove", user, "second-factor")
    print(f"{options.email} signs in by the password alone.")


def set_quota(users, options):
    user = find(users, options)
    values = {"most_campaigns": options.campaigns, "most_recipients": options.recipients}
    users.edit(user.id, role=user.role, **values)
    note("edit", user, details=", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items()))
    print(
        f"{options.email}: {options.campaigns or 'any number of'} campaigns at once, "
        f"{options.recipients or 'any number of'} recipients a day."
    )


def note(act, user, target="user", details=""):
    from blaster import audit

    audit.note(0, act, target, user.id, details, user_id=user.id)


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
