/* Accounts: people who sign in to the diagnostics pages. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/auth/password.h"
#include "common/base/check.h"
#include "tools/fhirbus-keys/keys.h"

/* An account read, changed, and published over the version that was read. */
typedef struct AccountEdit {
    Tool *tool;
    Account *account;
    uint64_t version;
} AccountEdit;

static bool begin(Tool *tool, bool make, AccountEdit *ret_edit, Err *err)
{
    const char *name = tool->command.words[1];
    const CatalogView *view = catalog_acquire(tool->catalog);
    const CatalogEntry *entry =
        catalog_find(view, ARENA_JOIN(tool->arena, STR("accounts/"), str_from(name)));
    Str data = entry ? arena_copy(tool->arena, entry->object->data) : STR("{}");
    uint64_t version = entry ? entry->object->version : 0;
    catalog_release(tool->catalog, view);
    void *made = NULL;
    if (!version && !make)
        return ERR(err, ERR_INPUT, "unknown", "there is no account %s", name);
    if (version && make)
        return ERR(err, ERR_INPUT, "exists", "there is an account %s already", name);
    TRY(auth_read(AUTH_ACCOUNTS, str_from(name), data, &made, err));
    *ret_edit = (AccountEdit){tool, made, version};
    return true;
}

static bool publish(AccountEdit *edit, Err *err)
{
    void *checked = NULL;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    auth_write(AUTH_ACCOUNTS, edit->account, &json);
    TRY(auth_read(AUTH_ACCOUNTS, edit->account->name, buf_str(&json), &checked, err));
    auth_free(checked);
    return tool_publish(edit->tool, AUTH_ACCOUNTS, edit->account->name, buf_str(&json), true,
                        edit->version, err);
}

static bool finish(AccountEdit *edit, bool fine, const char *what, Err *err)
{
    fine = fine && publish(edit, err);
    auth_free(edit->account);
    if (fine)
        tell_change(edit->tool, what, "accounts", edit->tool->command.words[1]);
    return fine;
}

static void take_list(const AccountEdit *edit, AuthTexts *texts, const char *list)
{
    enum { LIST_MAX = 1000 };
    Str rest = str_from(list), one;
    if (!list)
        return;
    *texts = (AuthTexts){ARENA_ARRAY(edit->account->arena, Str, LIST_MAX), 0};
    CHECK(texts->list);
    while (str_split(&rest, ',', &one) && texts->count < LIST_MAX)
        if (str_trim(one).len)
            texts->list[texts->count++] = arena_copy(edit->account->arena, str_trim(one));
}

/* --- the password ----------------------------------------------------------------------------- */

static bool read_line(char *to, size_t room)
{
    if (!fgets(to, (int)room, stdin))
        return false;
    to[strcspn(to, "\n")] = '\0';
    return true;
}

static bool read_unseen(const char *prompt, char *to, size_t room)
{
    struct termios shown, hidden;
    fprintf(stderr, "%s", prompt);
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    bool read = read_line(to, room);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return read;
}

/* From a terminal twice, unseen; else one line of the standard input. Never from the arguments. */
static bool read_password(char *to, size_t room, Err *err)
{
    char again[PASSWORD_MAX + 2] = "";
    if (!isatty(STDIN_FILENO))
        return read_line(to, room) ||
               ERR(err, ERR_INPUT, "password", "one line on the standard input is needed");
    bool same = read_unseen("Password: ", to, room) &&
                read_unseen("Again:    ", again, sizeof again) && strcmp(to, again) == 0;
    explicit_bzero(again, sizeof again);
    return same || ERR(err, ERR_INPUT, "password", "the two differ");
}

static bool keep_password(const AccountEdit *edit, Err *err)
{
    char password[PASSWORD_MAX + 2] = "";
    bool fine =
        read_password(password, sizeof password, err) &&
        password_keep(str_from(password), edit->account->arena, &edit->account->argon2id, err);
    explicit_bzero(password, sizeof password);
    return fine;
}

/* --- verbs ------------------------------------------------------------------------------------ */

static void take_options(const AccountEdit *edit)
{
    const Command *command = &edit->tool->command;
    take_list(edit, &edit->account->tenants, command->tenants);
    take_list(edit, &edit->account->rights, command->rights);
    take_list(edit, &edit->account->oidc, command->oidc);
    if (command->about)
        edit->account->about = arena_copy(edit->account->arena, str_from(command->about));
}

bool verb_account_create(Tool *tool, Err *err)
{
    AccountEdit edit;
    TRY(begin(tool, true, &edit, err));
    take_options(&edit);
    return finish(&edit, tool->command.no_password || keep_password(&edit, err), "created", err);
}

bool verb_account_change(Tool *tool, Err *err)
{
    AccountEdit edit;
    TRY(begin(tool, false, &edit, err));
    take_options(&edit);
    if (tool->command.no_password)
        edit.account->argon2id = STR_NONE;
    return finish(&edit, true, "changed", err);
}

bool verb_account_password(Tool *tool, Err *err)
{
    AccountEdit edit;
    TRY(begin(tool, false, &edit, err));
    return finish(&edit, keep_password(&edit, err), "changed", err);
}

bool verb_account_enable(Tool *tool, Err *err)
{
    AccountEdit edit;
    bool disable = strcmp(tool->command.words[0], "account-disable") == 0;
    TRY(begin(tool, false, &edit, err));
    edit.account->disabled = disable;
    return finish(&edit, true, disable ? "disabled" : "enabled", err);
}
