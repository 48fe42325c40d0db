"""The account with which one signs in to the diagnostics pages of a development stack."""
import services
from settings import OPERATOR

NAME = "operator"


def password_file(settings):
    return settings.folder / "secrets" / "operator-password"


def ensure(stack):
    """Made once; its password is random, and in a file for its owner alone."""
    create(stack, NAME, services.secret(stack.settings, password_file(stack.settings).name).read_text(),
           "*", "read,reveal,replay,administer")
    stack.say(f"diagnostics on {stack.settings.url()}/admin/diagnostics/ as {NAME}, password in {password_file(stack.settings)}")


def create(stack, name, password, tenants, rights):
    """False: it is there already."""
    env = services.bus(stack.settings, OPERATOR)
    if f"accounts/{name}\"" in stack.run("accounts", ["fhirbus-keys", "list", "accounts", "--json"], env):
        return False
    stack.run("accounts", ["fhirbus-keys", "account-create", name, "--tenants", tenants, "--rights", rights], env,
              text=password + "\n")
    return True
